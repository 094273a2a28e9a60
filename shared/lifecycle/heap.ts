import { setFlagsFromString } from 'node:v8'

/**
 * Has V8 look for garbage among old objects when the heap has doubled since it last did, instead of up to fourfold. A process that
 * handles what lives for some tenths of a second, as events do, then needs less memory, always about as much, and no more CPU
 * (docs/performance.md). V8 reads the flag after each collection, so it counts from the next one.
 */
export const limitHeapGrowth = (): void => setFlagsFromString('--heap-growing-percent=100')

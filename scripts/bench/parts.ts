import { consume } from './consume/part.ts'
import { http } from './http/part.ts'
import { latency } from './latency/part.ts'
import type { Part } from './part.ts'
import { relay } from './relay/part.ts'
import { saga } from './saga/part.ts'
import { scale } from './scale/part.ts'
import { soak } from './soak/part.ts'
import { start } from './start/part.ts'

/** All that `npm run bench` can measure, in this order. */
export const parts: readonly Part[] = [relay, latency, consume, http, saga, start, scale, soak]

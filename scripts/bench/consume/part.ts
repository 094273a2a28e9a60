import { serviceSettings } from '../../../shared/config/index.ts'
import type { Claim, Part, Side } from '../part.ts'

const products = 50
const batchSize = serviceSettings.BATCH_SIZE.parse(undefined)

const fromQueue = (
  key: string,
  name: string,
  kind: Side['kind'],
  work: { events: number; batch: number },
): Side => ({
  key,
  name,
  kind,
  run: async (scene) => (await import('./from-queue.ts')).consumeQueue(scene, { ...work, products }),
})

const batchesPay = (what: string, of: string, against: string): Claim => ({
  what,
  figure: 'rate',
  of,
  against: [against],
  must: { atLeast: 5 },
  aim: { atLeast: 8 },
})

export const consume: Part = {
  name: 'consume',
  question: 'what do batches save, with the real decisions of the product service?',
  figures: { rate: { label: 'handled', unit: 'events/s' } },
  per: { count: 10_000, what: 'events' },
  sides: [
    {
      key: 'one',
      name: 'one event a transaction',
      kind: 'bound',
      run: async (scene) =>
        (await import('./reserve.ts')).reserve(scene, { events: 10_000, batch: 1, products }),
    },
    {
      key: 'batches',
      name: `${batchSize} events a transaction`,
      kind: 'ours',
      run: async (scene) =>
        (await import('./reserve.ts')).reserve(scene, { events: 60_000, batch: batchSize, products }),
    },
    fromQueue('queue-one', 'from a quorum queue, one event a transaction', 'bound', {
      events: 10_000,
      batch: 1,
    }),
    fromQueue('queue', 'from a quorum queue, batches as configured', 'ours', {
      events: 60_000,
      batch: batchSize,
    }),
  ],
  claims: [
    batchesPay('batches to one at a time', 'batches', 'one'),
    batchesPay('batches to one at a time, from a queue', 'queue', 'queue-one'),
  ],
}

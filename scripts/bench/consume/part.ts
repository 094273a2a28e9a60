import type { Part } from '../part.ts'

const products = 50

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
        (await import('./reserve.ts')).reserve(scene, { events: 1_000, batch: 1, products }),
    },
    {
      key: 'batches',
      name: '200 events a transaction',
      kind: 'ours',
      run: async (scene) =>
        (await import('./reserve.ts')).reserve(scene, { events: 10_000, batch: 200, products }),
    },
  ],
  claims: [
    {
      what: 'batches to one at a time',
      figure: 'rate',
      of: 'batches',
      against: ['one'],
      must: { atLeast: 5 },
      aim: { atLeast: 8 },
    },
  ],
}

import type { Part, Side } from '../part.ts'
import { cpuBound, hopsFloor } from './bounds.ts'
import type { Saturation } from './saturate.ts'
import { steadyRate } from './steady.ts'

const saturated = (key: string, name: string, options: Saturation, kind: Side['kind'] = 'ours'): Side => ({
  key,
  name,
  kind,
  run: async (scene) => (await import('./saturate.ts')).saturate(scene, options),
})

/**
 * One event, one command, one request a transaction. 100 clients saturate that; of 400 some would wait for their turn for longer than the two
 * seconds after which a request is refused.
 */
const batchesOfOne = { settings: { BATCH_SIZE: '1' }, connections: 100 }

export const saga: Part = {
  name: 'saga',
  question: 'how many orders a second are settled end to end, and how soon?',
  figures: {
    rate: { label: 'settled', unit: 'orders/s' },
    retried: { label: 'transactions tried again', unit: '%' },
    p50: { label: `at ${steadyRate}/s, median`, unit: 'ms' },
    p99: { label: `at ${steadyRate}/s, p99`, unit: 'ms' },
  },
  per: { count: 1_000, what: 'orders' },
  sides: [
    saturated('one', 'saturated, batches of one', { orders: 3_000, ...batchesOfOne }, 'bound'),
    saturated('ours', 'saturated, 1,000 products', { orders: 20_000 }),
    saturated('hot', 'saturated, one product in every order', { orders: 20_000, hot: true }),
    saturated('two', 'saturated, two replicas of each service', { orders: 20_000, replicas: 2 }),
    {
      key: 'steady',
      name: `${steadyRate} orders a second`,
      kind: 'ours',
      run: async (scene) => (await import('./steady.ts')).settleAtRate(scene, 1_500),
    },
  ],
  claims: [
    {
      what: 'batches to batches of one',
      figure: 'rate',
      of: 'ours',
      against: ['one'],
      must: { atLeast: 3 },
    },
    {
      what: 'settled to what the CPU costs of http, relay and consume allow',
      figure: 'rate',
      of: 'ours',
      bound: cpuBound,
      must: { atLeast: 0.6 },
      aim: { atLeast: 0.8 },
    },
    {
      what: 'one hot product to 1,000 products',
      figure: 'rate',
      of: 'hot',
      against: ['ours'],
      must: { atLeast: 0.8 },
      aim: { atLeast: 1 },
    },
    {
      what: 'two replicas to one',
      figure: 'rate',
      of: 'two',
      against: ['ours'],
      must: { atLeast: 0.9 },
    },
    {
      what: 'transactions tried again, two replicas',
      figure: 'retried',
      of: 'two',
      must: { atMost: 0.1 },
    },
    {
      what: `median time to settle at ${steadyRate}/s`,
      figure: 'p50',
      of: 'steady',
      must: { atMost: 25 },
      aim: { atMost: 15 },
    },
    {
      what: `median at ${steadyRate}/s to the sum of the floors of its commits and deliveries`,
      figure: 'p50',
      of: 'steady',
      bound: hopsFloor,
      must: { atMost: 4 },
    },
    {
      what: `p99 time to settle at ${steadyRate}/s`,
      figure: 'p99',
      of: 'steady',
      must: { atMost: 100 },
      aim: { atMost: 50 },
    },
  ],
}

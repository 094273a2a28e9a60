import type { Claim, Part } from '../part.ts'
import { rivals } from '../peers.ts'
import { eventsPerSecond } from './workload.ts'

const lean = 'lean'
const rivalKeys = rivals('deliver').map(({ key }) => key)

const claimsOf = (percentile: 'p50' | 'p99', must: number, aim: number): Claim[] => [
  {
    what: `${percentile} to the floor`,
    figure: percentile,
    of: 'ours',
    against: ['floor'],
    must: { atMost: must },
    aim: { atMost: aim },
  },
  {
    what: `${percentile} to the best rival`,
    figure: percentile,
    of: 'ours',
    against: rivalKeys,
    must: { atMost: 1 },
  },
]

export const latency: Part = {
  name: 'latency',
  question: `how long from commit to delivery, at ${eventsPerSecond} events a second?`,
  figures: {
    p50: { label: 'median', unit: 'ms' },
    p99: { label: 'p99', unit: 'ms' },
    commit: { label: 'commit, median', unit: 'ms' },
    lost: { label: 'never delivered', unit: 'events' },
  },
  per: { count: 10_000, what: 'events' },
  sides: [
    {
      key: 'floor',
      name: 'floor: NOTIFY, publish, deliver; nothing read, nothing marked',
      kind: 'bound',
      run: async (scene) => (await import('./floor.ts')).deliverFromNotify(scene),
    },
    {
      key: lean,
      name: 'leanest loop, woken by NOTIFY',
      kind: 'bound',
      run: async (scene) => (await import('./floor.ts')).deliverFromTable(scene),
    },
    {
      key: 'ours',
      name: 'relay, woken in its process',
      kind: 'ours',
      run: async (scene) => (await import('./ours.ts')).deliver(scene, 'wake'),
    },
    {
      key: 'ours-notify',
      name: 'relay, woken by NOTIFY from another process',
      kind: 'ours',
      run: async (scene) => (await import('./ours.ts')).deliver(scene, 'notify'),
    },
    ...rivals('deliver'),
  ],
  claims: [...claimsOf('p50', 2, 1.5), ...claimsOf('p99', 3, 2)],
}

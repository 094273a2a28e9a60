import type { Part } from '../part.ts'
import { rivals } from '../peers.ts'
import { keptRows, waitingEvents } from './workload.ts'

const leanest = ['lean-leader', 'lean-locks']

export const relay: Part = {
  name: 'relay',
  question: `how fast does the outbox drain, ${waitingEvents.toLocaleString('en')} events waiting?`,
  figures: {
    rate: { label: 'published', unit: 'events/s' },
    claimP99: { label: 'claim query in PostgreSQL, p99', unit: 'ms' },
    waitedP99: { label: 'the relay waits for a claim, p99', unit: 'ms' },
  },
  per: { count: 10_000, what: 'events' },
  sides: [
    {
      key: 'publish',
      name: 'amqplib alone, 1,000 in flight',
      kind: 'bound',
      run: async (scene) => (await import('./publish-alone.ts')).publishAlone(scene),
    },
    {
      key: 'lean-leader',
      name: 'leanest loop, one leader',
      kind: 'bound',
      run: async (scene) => (await import('./lean.ts')).drainAsLeader(scene),
    },
    {
      key: 'lean-headers',
      name: "leanest loop, one leader, with the relay's headers",
      kind: 'bound',
      run: async (scene) => (await import('./lean.ts')).drainWithHeaders(scene),
    },
    {
      key: 'lean-locks',
      name: 'leanest loop, row locks',
      kind: 'bound',
      run: async (scene) => (await import('./lean.ts')).drainByRowLocks(scene),
    },
    {
      key: 'ours',
      name: 'relay',
      kind: 'ours',
      run: async (scene) => (await import('./ours.ts')).drain(scene, 0),
    },
    {
      key: 'ours-kept',
      name: `relay, ${keptRows.toLocaleString('en')} published rows kept`,
      kind: 'ours',
      run: async (scene) => (await import('./ours.ts')).drain(scene, keptRows),
    },
    ...rivals('drain'),
  ],
  claims: [
    {
      what: 'relay to the leanest loop',
      figure: 'rate',
      of: 'ours',
      against: leanest,
      must: { atLeast: 0.9 },
      aim: { atLeast: 1 },
    },
    {
      what: 'with published rows kept to without',
      figure: 'rate',
      of: 'ours-kept',
      against: ['ours'],
      must: { atLeast: 0.9 },
      aim: { atLeast: 1 },
    },
    {
      what: 'claim query in PostgreSQL, p99, with published rows kept',
      figure: 'claimP99',
      of: 'ours-kept',
      must: { atMost: 10 },
    },
    {
      what: 'relay to graphile-worker',
      figure: 'rate',
      of: 'ours',
      against: ['graphile-worker'],
      must: { atLeast: 1.3 },
      aim: { atLeast: 1.5 },
    },
    {
      what: 'relay to pg-transactional-outbox, polling',
      figure: 'rate',
      of: 'ours',
      against: ['pg-transactional-outbox-polling'],
      must: { atLeast: 9 },
    },
    {
      what: 'relay to pg-transactional-outbox, replication',
      figure: 'rate',
      of: 'ours',
      against: ['pg-transactional-outbox-replication'],
      must: { atLeast: 9 },
    },
  ],
}

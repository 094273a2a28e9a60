import type { Claim, Part, Side } from '../part.ts'
import type { Backlogs } from './drain.ts'

const readable = (count: number) => count.toLocaleString('en')

const draining = (key: string, name: string, backlogs: Backlogs): Side => ({
  key,
  name,
  kind: 'ours',
  run: async (scene) => (await import('./drain.ts')).drainBacklogs(scene, backlogs),
})

const waits = (waiting: number, times: number): Side =>
  draining(`waiting-${waiting}`, `relay, ${readable(waiting)} waiting`, { waiting, times, kept: 0 })

const keeps = (kept: number): Side =>
  draining(`kept-${kept}`, `relay, ${readable(kept)} published rows kept`, {
    waiting: 20_000,
    times: 3,
    kept,
  })

const handled = (handledBefore: number): Side => ({
  key: `inbox-${handledBefore}`,
  name: `consumer, ${readable(handledBefore)} inbox rows`,
  kind: 'ours',
  run: async (scene) => {
    const work = { events: 20_000, batch: 200, products: 50, handledBefore }
    const { figures } = await (await import('../consume/reserve.ts')).reserve(scene, work)
    return { figures: { each: 1e6 / figures.rate! } }
  },
})

const flat = (what: string, of: string, against: string, atMost = 1.15): Claim => ({
  what,
  figure: 'each',
  of,
  against: [against],
  must: { atMost },
})
const claim = (what: string, figure: string): Claim => ({
  what,
  figure,
  of: 'kept-1000000',
  must: { atMost: 10 },
})
/** Nine tenths of the throughput, as time. */
const nineTenths = 1.11

export const scale: Part = {
  name: 'scale',
  question: 'what does an event cost as work grows?',
  onlyNamed: true,
  mostMinutes: 60,
  figures: {
    each: { label: 'time per event', unit: 'us' },
    executedP99: { label: 'claim query in PostgreSQL, p99', unit: 'ms' },
    claimP50: { label: 'answered to Node, median', unit: 'ms' },
    claimP99: { label: 'answered to Node, p99', unit: 'ms' },
    waitedP99: { label: 'the relay waits for a claim, p99', unit: 'ms' },
  },
  per: { count: 10_000, what: 'events' },
  sides: [
    waits(1_000, 30),
    waits(10_000, 3),
    waits(100_000, 1),
    keeps(0),
    keeps(1_000_000),
    keeps(10_000_000),
    handled(0),
    handled(1_000_000),
  ],
  claims: [
    flat('10,000 waiting to 1,000', 'waiting-10000', 'waiting-1000'),
    flat('100,000 waiting to 1,000', 'waiting-100000', 'waiting-1000'),
    flat('1,000,000 rows kept to none', 'kept-1000000', 'kept-0', nineTenths),
    flat('10,000,000 rows kept to none', 'kept-10000000', 'kept-0'),
    claim('claim query in PostgreSQL, p99, 1,000,000 rows kept', 'executedP99'),
    claim('the same until Node has its rows', 'claimP99'),
    flat('1,000,000 inbox rows to none', 'inbox-1000000', 'inbox-0'),
  ],
}

// limit: 900 s
import { readFile } from 'node:fs/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually } from '../../shared/testing/index.ts'
import {
  addProduct,
  addUser,
  checkInvariants,
  place,
  placeAndWait,
  type System,
  withSystem,
} from '../system/index.ts'
import { operatorOf } from './operator.ts'
import { drained, processing, statusOf } from './status.ts'
import { daysPass, saidOver } from './time-passes.ts'

const orders = 10_000
const clients = 16
/** An order that met the outage has failed by its deadline before the broker is back: two events each. */
const pending = 2 * orders
const env = { ORDER_DEADLINE_MS: '3000', RATE_LIMIT_PER_SECOND: '100000' }
/** The service needs most of it for itself: what waits can not be held beside that. */
const smallHeap = { NODE_OPTIONS: '--max-old-space-size=64' }

const placeMany = async (system: System, userId: string, productId: string) => {
  let left = orders
  const client = async () => {
    while (left > 0) {
      left -= 1
      const { status } = await place(system, userId, [{ productId, quantity: 1 }])
      assert.is(status, 202)
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
}

const count = async (
  system: System,
  service: 'order' | 'product' | 'user',
  where = 'true',
): Promise<number> => {
  const [row] = await system.sql<{ count: number }>(
    service,
    `select count(*)::int as count from outbox where ${where}`,
  )
  return row?.count ?? 0
}

/** The most memory that the program ever had, in MB; undefined where the system does not tell. */
const peakMb = async (pid: number): Promise<number | undefined> => {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  const [, kb] = /^VmHWM:\s+(\d+) kB$/m.exec(status) ?? []
  return kb === undefined ? undefined : Number(kb) / 1_024
}

/** Index entries that one look for waiting rows read on average; told, not asserted: marked rows count until the server has cleared them. */
const readPerClaim = (system: System): Promise<number> =>
  eventually(
    async () => {
      const [row] = await system.sql<{ scans: number; entries: number }>(
        'order',
        `select idx_scan::int as scans, idx_tup_read::int as entries from pg_stat_user_indexes
         where indexrelname = 'outbox_waiting_idx'`,
      )
      return row !== undefined && row.scans > 10 ? row.entries / row.scans : undefined
    },
    { withinMs: 30_000 },
  )

test('a day without a broker: what waits goes out in bounded memory, nothing is lost, and old rows are pruned', () =>
  withSystem({ mode: 'choreography', servers: 'private', env }, async (system) => {
    const operator = operatorOf(system, env)
    const { type, done, auditIsClean } = operator
    const [userId, productId] = [await addUser(system, 100_000_000), await addProduct(system, 100_000_000)]
    const first = await placeAndWait(system, userId, [{ productId, quantity: 1 }])
    assert.is(first.status, 'SUCCESS')

    await system.servers.rabbit.stop()
    await placeMany(system, userId, productId)
    await eventually(async () => (await processing(system)) === 0, { withinMs: 180_000, everyMs: 500 })
    assert.is(await count(system, 'order', 'published_at is null'), pending)
    const [size] = await system.sql<{ bytes: number }>(
      'order',
      `select (pg_total_relation_size('outbox') / count(*))::int as bytes from outbox`,
    )
    await saidOver(system, 1)
    const status = await type('npm run outbox -- status')
    assert.is(status.code, 69)
    // Counting stops there: a look must stay cheap.
    assert.match(status.out, /^order: 10000 pending, the oldest for 24 h, 0\.0 published\/s, 0 parked\n/)
    assert.match(status.out, 'broker: not there')
    assert.is((await system.order.get('/readyz')).status, 503)

    await system.order.stop()
    system.order.spawn(smallHeap)
    await eventually(async () => (await system.order.get('/livez')).status === 200, { withinMs: 60_000 })
    const before = await peakMb(system.order.pid)
    await system.sql('order', 'select pg_stat_reset()')
    await system.servers.rabbit.restart()
    const begun = performance.now()
    const heardBefore = system.broker.wiretap.length
    await eventually(
      () =>
        new Set(
          system.broker.wiretap
            .slice(heardBefore)
            .filter((it) => it.type.startsWith('Order'))
            .map((it) => it.id),
        ).size >= pending,
      { withinMs: 300_000, everyMs: 200 },
    )
    const published = (performance.now() - begun) / 1_000
    const entries = await readPerClaim(system)
    await drained(system, operator, 300_000)
    const seconds = (performance.now() - begun) / 1_000
    assert.ok(system.order.isRunning(), 'it was enough memory')
    const peak = await peakMb(system.order.pid)
    await auditIsClean()
    await checkInvariants(system)
    const kept = await count(system, 'order')
    console.log(
      `${pending} events: published in ${published.toFixed(0)} s (the broker's start included), all handled after ${seconds.toFixed(0)} s, ` +
        `${entries.toFixed(0)} index entries per claim, ${before?.toFixed(0)} MB before and ${peak?.toFixed(0)} MB at most, ${size?.bytes} bytes on disk per waiting event`,
    )

    await daysPass(system, 8)
    const fresh = await placeAndWait(system, userId, [{ productId, quantity: 1 }])
    assert.is(fresh.status, 'SUCCESS')
    assert.is(
      await done('npm run outbox -- prune --older-than 7d --service order --dry-run'),
      `order: would delete ${kept} outbox rows and 0 inbox rows\n`,
    )
    const pruning = performance.now()
    const pruned = await done('npm run outbox -- prune --older-than 7d')
    assert.match(pruned, `order: deleted ${kept} outbox rows and 0 inbox rows\n`)
    const took = ((performance.now() - pruning) / 1_000).toFixed(1)
    console.log(`in ${took} s: ${pruned.trim().replaceAll('\n', ', ')}`)
    assert.is(await count(system, 'order'), 2)
    assert.is(
      (await statusOf(operator)).services.every((it) => it.pending === 0),
      true,
    )
    await auditIsClean()
    const last = await placeAndWait(system, userId, [{ productId, quantity: 1 }])
    assert.is(last.status, 'SUCCESS')
  }))

test.run()

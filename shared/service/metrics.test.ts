import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readConfig } from '../config/index.ts'
import type { Sql } from '../database/index.ts'
import { withClient } from '../database/migrations/index.ts'
import { createResources, noFaults } from '../lifecycle/index.ts'
import { type Log, silentLog } from '../log/index.ts'
import { eventually, withDatabase } from '../testing/index.ts'
import { serviceSchema } from './config.ts'
import { createMetrics, type Metrics, watchOutbox } from './metrics.ts'
import { startRelay } from './relay.ts'

const scraped = async ({ registry }: Metrics) => {
  const text = await registry.metrics()
  return (name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])
}

/** Rows of an order service's outbox, made an hour ago. */
const rows = (count: number, state: 'pending' | 'parked') => `
  insert into outbox (event_id, type, aggregate_id, exchange, routing_key, payload, created_at, parked_at)
  select gen_random_uuid(), 'OrderPlaced', gen_random_uuid(), 'EX', 'order.create', '{}',
    clock_timestamp() - interval '1 hour', ${state === 'parked' ? 'clock_timestamp()' : 'null'}
  from generate_series(1, ${count})`

test('the process itself is measured: memory, CPU, the event loop', async () => {
  const value = await scraped(createMetrics())
  for (const name of [
    'process_resident_memory_bytes',
    'process_cpu_seconds_total',
    'nodejs_heap_size_used_bytes',
  ])
    assert.ok(value(name) > 0, name)
  assert.ok(value('nodejs_eventloop_lag_p99_seconds') >= 0)
})

const withSql = (use: (sql: Sql, url: string) => Promise<void>) => () =>
  withDatabase('order', ({ url }) =>
    withClient(url, (client) =>
      use(
        {
          $queryRawUnsafe: async <Rows>(text: string, ...values: unknown[]) =>
            (await client.query(text, values)).rows as Rows,
          $executeRawUnsafe: async (text, ...values) => (await client.query(text, values)).rowCount ?? 0,
        },
        url,
      ),
    ),
  )

test(
  'the first scrape already tells how the outbox stands, by one look at it; without a database the last values stay',
  withSql(async (sql) => {
    await sql.$executeRawUnsafe(rows(4, 'pending'))
    await sql.$executeRawUnsafe(rows(3, 'parked'))
    let looks = 0
    let isAway = false
    const watched: Sql = {
      ...sql,
      $queryRawUnsafe: async <Rows>(text: string, ...values: unknown[]) => {
        looks += 1
        if (isAway) throw new Error('away')
        return sql.$queryRawUnsafe<Rows>(text, ...values)
      },
    }
    const metrics = createMetrics()
    watchOutbox(metrics, watched, silentLog())

    const first = await scraped(metrics)
    assert.equal([first('outbox_pending'), first('outbox_parked'), looks], [4, 3, 1])
    const age = first('outbox_oldest_pending_seconds')
    assert.ok(age >= 3_600 && age < 3_700, String(age))

    await sql.$executeRawUnsafe('delete from outbox where parked_at is null')
    const second = await scraped(metrics)
    assert.equal(['outbox_pending', 'outbox_oldest_pending_seconds', 'outbox_parked'].map(second), [0, 0, 3])

    await sql.$executeRawUnsafe('delete from outbox')
    isAway = true
    const third = await scraped(metrics)
    assert.equal([third('outbox_parked'), looks], [3, 3])
  }),
)

test(
  'a statement that the server refuses is no lost database: its reason is logged, and it is counted',
  withSql(async (sql, databaseUrl) => {
    const warnings: { reason: string; said: string }[] = []
    const log: Log = {
      ...silentLog(),
      info() {},
      warn: ({ reason }, said) => warnings.push({ reason: String(reason), said }),
    }
    await sql.$executeRawUnsafe('alter table outbox rename to elsewhere')
    const config = readConfig(serviceSchema('order'), {
      DATABASE_URL: databaseUrl,
      AMQP_URL: 'amqp://guest:guest@127.0.0.1:1',
    })
    const metrics = createMetrics()
    const resources = createResources()
    const relay = startRelay({
      service: 'order',
      config,
      publisher: { ready: async () => {}, publish: async () => ({ kind: 'confirmed' }) } as never,
      topology: { ready: async () => {} },
      metrics,
      fault: noFaults,
      log,
      resources,
    })
    try {
      await eventually(() => warnings.length > 0)
      assert.is(relay.state().state, 'leading')
      assert.equal(warnings[0], {
        reason: 'relation "outbox" does not exist',
        said: 'the relay met an error, and tries again',
      })
      assert.ok((await scraped(metrics))('outbox_relay_errors_total') > 0)
    } finally {
      await resources.stop()
    }
  }),
)

test.run()

import { randomBytes, randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually } from '../testing/index.ts'
import { append, createNotifyHint, createRelay, type RelayObserver, readGauges } from './index.ts'
import { createFakeTransport, firsts, upTo } from './testing/fake-transport.ts'
import { event, pendingCount, seed, sqlOf, withClient, withOutbox } from './testing/with-outbox.ts'
import { withRelay } from './testing/with-relay.ts'

const slowly = async () => {
  await pause(Math.random() * 3)
  return { kind: 'confirmed' } as const
}
const isDrained = async (sql: Parameters<typeof pendingCount>[0]) => (await pendingCount(sql)) === 0

test('each aggregate in order and one at a time, different ones at once, each event once', () =>
  withOutbox(async ({ url, sql }) => {
    const ids = await seed(sql, 40, 25)
    const fake = createFakeTransport(slowly)
    let published = 0
    const observer = { published: (count: number) => (published += count) }
    await withRelay({ databaseUrl: url, transport: fake.transport, inFlight: 16, observer }, async () => {
      await eventually(() => isDrained(sql))
    })
    for (const id of ids) assert.equal(fake.placesOf(id), upTo(25))
    assert.is(fake.overlaps(), 0)
    assert.is(fake.mostInFlight(), 16)
    assert.is(published, 1000)
  }))

test('one aggregate with a long backlog does not keep others out', () =>
  withOutbox(async ({ url, sql }) => {
    const [long] = await seed(sql, 1, 300)
    const [short] = await seed(sql, 1, 1)
    const fake = createFakeTransport(slowly)
    await withRelay({ databaseUrl: url, transport: fake.transport, inFlight: 8 }, async () => {
      await eventually(() => fake.placesOf(short!).length === 1)
      assert.ok(fake.placesOf(long!).length < 150)
      await eventually(() => isDrained(sql))
    })
    assert.equal(fake.placesOf(long!), upTo(300))
  }))

test('of large events there are fewer in memory, also after small ones and however well they compress, and all go out', () =>
  withOutbox(async ({ url, sql }) => {
    const small = 600
    await seed(sql, small, 1)
    const texts = ['x'.repeat(250_000), randomBytes(125_000).toString('hex')]
    for (let round = 0; round < 8; round += 1) {
      const payload = { place: 0, text: texts[round % 2] }
      await append(
        sql,
        Array.from({ length: 50 }, () => event(randomUUID(), 0, { payload })),
      )
    }
    let confirm = () => {}
    const confirmed = new Promise<void>((resolve) => {
      confirm = resolve
    })
    let largeInFlight = 0
    const fake = createFakeTransport(async (row) => {
      if (row.payloadText.length > 1000) {
        largeInFlight += 1
        await confirmed
      }
      return { kind: 'confirmed' }
    })
    await withRelay({ databaseUrl: url, transport: fake.transport }, async (relay) => {
      await eventually(() => largeInFlight > 200)
      await pause(500)
      const { held, inFlight } = relay.state()
      assert.equal([held, inFlight], [largeInFlight, largeInFlight])
      assert.ok((held - 1) * texts[0]!.length <= 64 * 1024 * 1024, `${held} held`)
      confirm()
      await eventually(() => isDrained(sql))
    })
    assert.is(new Set(fake.log.map(({ eventId }) => eventId)).size, small + 400)
    assert.is(fake.log.length, small + 400)
  }))

test('claims by state: a lower id that is committed later still goes out', () =>
  withOutbox(({ url, sql }) =>
    withClient(url, async (late) => {
      const fake = createFakeTransport()
      await withRelay({ databaseUrl: url, transport: fake.transport }, async (relay) => {
        const [low, high] = [randomUUID(), randomUUID()]
        await late.query('begin')
        await append(sqlOf(late), [event(low, 0)])
        await append(sql, [event(high, 0)])
        relay.wake()
        await eventually(() => isDrained(sql))
        assert.equal([fake.placesOf(high), fake.placesOf(low)], [[0], []])
        await late.query('commit')
        relay.wake()
        await eventually(() => fake.placesOf(low).length === 1 && isDrained(sql))
      })
    }),
  ))

test('a migration of its table under a leading relay: it plans anew, and goes on', () =>
  withOutbox(async ({ url, sql }) => {
    const fake = createFakeTransport()
    const states: string[] = []
    const observer = { state: (state: string) => states.push(state) }
    await withRelay({ databaseUrl: url, transport: fake.transport, observer }, async (relay) => {
      const [before] = await seed(sql, 1, 2)
      relay.wake()
      await eventually(() => isDrained(sql))
      await sql.$executeRawUnsafe('alter table outbox alter attempts type bigint')
      const [after] = await seed(sql, 1, 2)
      relay.wake()
      await eventually(() => isDrained(sql))
      assert.equal([fake.placesOf(before!), fake.placesOf(after!)], [upTo(2), upTo(2)])
      assert.equal(states, ['leading', 'disconnected', 'leading'])
    })
  }))

test('wakes at once after a local commit, by NOTIFY from elsewhere, and through a stand-by', () =>
  withOutbox(({ url, sql }) =>
    withClient(url, async (elsewhere) => {
      const fake = createFakeTransport()
      const options = { databaseUrl: url, transport: fake.transport }
      await withRelay(options, async (leader) => {
        await eventually(() => leader.state().state === 'leading')
        await withRelay(options, async (standby) => {
          await eventually(() => standby.state().state === 'standby')
          for (const wake of [leader.wake, createNotifyHint(sqlOf(elsewhere)), standby.wake]) {
            await seed(sql, 1, 2)
            wake()
            await eventually(() => isDrained(sql))
          }
        })
      })
      assert.is(fake.log.length, 6)
    }),
  ))

test('with NOTIFY off, the poll finds it', () =>
  withOutbox(async ({ url, sql }) => {
    const fake = createFakeTransport()
    await withRelay(
      { databaseUrl: url, transport: fake.transport, pollMs: 300, notify: false },
      async (relay) => {
        await eventually(() => relay.state().state === 'leading')
        const listening = `select count(*)::int as n from pg_stat_activity
        where datname = current_database() and application_name = 'outbox-relay' and query ilike 'listen%'`
        assert.equal(await sql.$queryRawUnsafe(listening), [{ n: 0 }])
        await seed(sql, 1, 3)
        createNotifyHint(sql)()
        await eventually(() => isDrained(sql))
      },
    )
    assert.is(fake.log.length, 3)
  }))

test('unknown: the same event again when the transport is ready, before its successor, and never parked', () =>
  withOutbox(async ({ url, sql }) => {
    const ids = await seed(sql, 5, 4)
    let readies = 0
    const fake = createFakeTransport(
      (_, nth) => (nth <= 2 ? { kind: 'unknown', reason: 'connection lost' } : { kind: 'confirmed' }),
      async () => {
        readies += 1
      },
    )
    let unknown = 0
    const observer = { unknown: () => (unknown += 1) }
    await withRelay({ databaseUrl: url, transport: fake.transport, maxAttempts: 1, observer }, async () => {
      await eventually(() => isDrained(sql))
    })
    for (const id of ids) assert.equal(fake.placesOf(id), [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3])
    assert.is(unknown, 40)
    assert.ok(readies > 1)
    assert.equal(
      await sql.$queryRawUnsafe('select 1 from outbox where attempts > 0 or parked_at is not null'),
      [],
    )
  }))

test('a publish that throws is unknown too', () =>
  withOutbox(async ({ url, sql }) => {
    const [id] = await seed(sql, 1, 2)
    const fake = createFakeTransport((_, nth) => {
      if (nth === 1) throw new Error('channel closed')
      return { kind: 'confirmed' }
    })
    await withRelay({ databaseUrl: url, transport: fake.transport }, () =>
      eventually(() => isDrained(sql)).then(() => {}),
    )
    assert.equal(fake.placesOf(id!), [0, 0, 1, 1])
  }))

test('nothing is published before the transport is ready', () =>
  withOutbox(async ({ url, sql }) => {
    await seed(sql, 3, 1)
    let open = () => {}
    const opened = new Promise<void>((resolve) => {
      open = resolve
    })
    const fake = createFakeTransport(undefined, () => opened)
    await withRelay({ databaseUrl: url, transport: fake.transport, leaseMs: 600 }, async (relay) => {
      await eventually(() => relay.state().state === 'standby')
      await pause(1_000)
      assert.is(relay.state().state, 'standby')
      assert.is(fake.log.length, 0)
      open()
      await eventually(() => isDrained(sql))
    })
  }))

test('the lead is kept beyond the lease when there is nothing to do', () =>
  withOutbox(async ({ url, sql }) => {
    const { transport } = createFakeTransport()
    await withRelay({ databaseUrl: url, transport, leaseMs: 600 }, async (relay) => {
      await eventually(() => relay.state().state === 'leading')
      await eventually(async () => {
        const aged = await sql.$queryRawUnsafe<unknown[]>(
          `select from pg_stat_activity where datname = current_database() and application_name = 'outbox-relay'
             and backend_start < clock_timestamp() - interval '1500 ms'`,
        )
        return aged.length === 1
      })
      assert.is(relay.state().state, 'leading')
    })
  }))

test('a terminated backend: leads again, publishes the rest, order kept', () =>
  withOutbox(async ({ url, sql }) => {
    const ids = await seed(sql, 10, 40)
    const fake = createFakeTransport(slowly)
    const errors: unknown[] = []
    const observer = { error: (error: unknown) => errors.push(error) }
    await withRelay({ databaseUrl: url, transport: fake.transport, inFlight: 4, observer }, async () => {
      for (const least of [40, 160]) {
        await eventually(() => fake.log.length >= least)
        await sql.$queryRawUnsafe(
          `select pg_terminate_backend(pid) from pg_stat_activity
           where datname = current_database() and application_name = 'outbox-relay'`,
        )
      }
      await eventually(() => isDrained(sql))
    })
    for (const id of ids) assert.equal(firsts(fake.placesOf(id)), upTo(40))
    assert.ok(errors.length >= 2)
  }))

test('starts before its database does, and stops while it is not there', () =>
  withOutbox(async ({ url }) => {
    const nowhere = new URL(url)
    nowhere.port = '1'
    const errors: unknown[] = []
    const relay = createRelay({
      databaseUrl: nowhere.toString(),
      transport: createFakeTransport().transport,
      observer: { error: (error) => errors.push(error) },
    })
    relay.start()
    await eventually(() => errors.length >= 2)
    assert.is(relay.state().state, 'disconnected')
    await relay.stop()
  }))

test('a lasting SQL error is no hot loop, and is got over', () =>
  withOutbox(async ({ url, sql }) => {
    await sql.$executeRawUnsafe('alter table outbox rename to elsewhere')
    const fake = createFakeTransport()
    const errorsAt: number[] = []
    const observer = { error: () => errorsAt.push(performance.now()) }
    await withRelay({ databaseUrl: url, transport: fake.transport, observer }, async () => {
      await eventually(() => errorsAt.length >= 4)
      assert.ok(errorsAt[3]! - errorsAt[0]! > 1000)
      await sql.$executeRawUnsafe('alter table elsewhere rename to outbox')
      await seed(sql, 2, 2)
      await eventually(() => isDrained(sql))
    })
    assert.is(fake.log.length, 4)
  }))

test('stop waits for what is in flight and its mark, and takes nothing new', () =>
  withOutbox(async ({ url, sql }) => {
    const ids = await seed(sql, 3, 2)
    let confirm = () => {}
    const confirmed = new Promise<void>((resolve) => {
      confirm = resolve
    })
    const fake = createFakeTransport(() => confirmed.then(() => ({ kind: 'confirmed' })))
    const relay = createRelay({ databaseUrl: url, transport: fake.transport })
    relay.start()
    await eventually(() => relay.state().inFlight === 3)
    const stopped = relay.stop()
    confirm()
    await stopped
    assert.is(await pendingCount(sql), 3)
    for (const id of ids) assert.equal(fake.placesOf(id), [0])
    assert.is(relay.state().state, 'disconnected')
  }))

test('stopped at any moment of its start, it lets go of the lead at once', () =>
  withOutbox(async ({ url, sql }) => {
    await seed(sql, 5, 2)
    for (const delayMs of [0, 5, 10, 15, 20, 30, 40]) {
      const relay = createRelay({ databaseUrl: url, transport: createFakeTransport(slowly).transport })
      relay.start()
      await pause(delayMs)
      const before = performance.now()
      await relay.stop()
      assert.ok(performance.now() - before < 4000)
    }
    await withRelay({ databaseUrl: url, transport: createFakeTransport().transport }, async () => {
      await eventually(() => isDrained(sql))
    })
  }))

test('stop gives up on what is never confirmed', () =>
  withOutbox(async ({ url, sql }) => {
    await seed(sql, 1, 1)
    const fake = createFakeTransport(() => new Promise(() => {}))
    const relay = createRelay({ databaseUrl: url, transport: fake.transport })
    relay.start()
    await eventually(() => fake.log.length === 1)
    const before = performance.now()
    await relay.stop({ drainMs: 200 })
    assert.ok(performance.now() - before < 3000)
    assert.is(await pendingCount(sql), 1)
  }))

test('a mark that fails is made again, without publishing again', () =>
  withOutbox(({ url, sql }) =>
    withClient(url, async (holder) => {
      const [id] = await seed(sql, 1, 1)
      const fake = createFakeTransport()
      const errors: unknown[] = []
      const observer = { error: (error: unknown) => errors.push(error) }
      await holder.query('begin')
      await holder.query('select id from outbox for update')
      await withRelay({ databaseUrl: url, transport: fake.transport, observer }, async () => {
        await eventually(() => errors.length > 0)
        await holder.query('commit')
        await eventually(() => isDrained(sql))
      })
      assert.equal(fake.placesOf(id!), [0])
      assert.is((errors[0] as { code: string }).code, '55P03')
    }),
  ))

test('while nothing can be claimed, what is confirmed is marked all the same', () =>
  withOutbox(async ({ url, sql }) => {
    await seed(sql, 50, 1)
    let confirm = () => {}
    const confirmed = new Promise<void>((resolve) => {
      confirm = resolve
    })
    const fake = createFakeTransport(async () => {
      await confirmed
      return { kind: 'confirmed' }
    })
    const errors: { code?: string }[] = []
    const observer: RelayObserver = { error: (error) => errors.push(error as { code?: string }) }
    const options = { databaseUrl: url, transport: fake.transport, pollMs: 50, observer }
    await withRelay(options, async (relay) => {
      await eventually(() => fake.log.length === 50)
      await sql.$executeRawUnsafe('alter table outbox rename column headers to renamed')
      await eventually(() => errors.some(({ code }) => code === '42703'))
      const before = errors.length
      confirm()
      await eventually(async () => (await pendingCount(sql)) === 0)
      relay.wake()
      await eventually(() => errors.length > before)
      assert.ok(errors.length < 20, 'no hot loop')
    })
    assert.is(fake.log.length, 50)
  }))

test('rows that somebody has locked keep nobody out: all others are marked, and they when they are free', () =>
  withOutbox(({ url, sql }) =>
    withClient(url, async (holder) => {
      const ids = await seed(sql, 50, 10)
      const fake = createFakeTransport()
      await holder.query('begin')
      await holder.query('select from outbox where id in (1, 77, 500) for update')
      const options = { databaseUrl: url, transport: fake.transport, inFlight: 10 }
      await withRelay(options, async (relay) => {
        await eventually(async () => (await pendingCount(sql)) === 3)
        assert.is(relay.state().held, 3)
        await append(sql, [event(ids[0]!, 10)])
        relay.wake()
        await eventually(() => fake.placesOf(ids[0]!).length === 11)
        await eventually(async () => (await pendingCount(sql)) === 3)
        await holder.query('update outbox set published_at = now() where id = 77')
        await holder.query('delete from outbox where id = 500')
        await holder.query('commit')
        await eventually(async () => (await isDrained(sql)) && relay.state().held === 0)
      })
      assert.is(fake.log.length, 501)
      for (const id of ids.slice(1)) assert.equal(fake.placesOf(id), upTo(10))
    }),
  ))

test('gauges say what waits, since when, and what is parked', () =>
  withOutbox(async ({ sql }) => {
    assert.equal(await readGauges(sql), { pending: 0, parked: 0, oldestPendingSeconds: 0 })
    await seed(sql, 3, 1)
    await sql.$executeRawUnsafe(`update outbox set created_at = created_at - interval '1 minute'`)
    await sql.$executeRawUnsafe('update outbox set parked_at = now() where id = (select max(id) from outbox)')
    const { oldestPendingSeconds, ...counts } = await readGauges(sql)
    assert.equal(counts, { pending: 2, parked: 1 })
    assert.ok(oldestPendingSeconds >= 60 && oldestPendingSeconds < 90)
  }))

test.run()

import { randomUUID } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually } from '../testing/index.ts'
import { append, type RelayObserver, unpark } from './index.ts'
import { createFakeTransport, placeOf, upTo } from './testing/fake-transport.ts'
import { event, type Outbox, seed, sqlOf, withClient, withOutbox } from './testing/with-outbox.ts'
import { withRelay } from './testing/with-relay.ts'

/** A relay whose broker refuses every event that `isPoison` says, as long as it says so. */
const withPoison = (
  isPoison: (aggregateId: string, place: number) => boolean,
  use: (
    given: Outbox & {
      fake: ReturnType<typeof createFakeTransport>
      wake: () => void
      told: string[]
      errors: unknown[]
    },
  ) => Promise<void>,
) =>
  withOutbox((outbox) => {
    const fake = createFakeTransport((row) =>
      isPoison(row.aggregateId, placeOf(row))
        ? { kind: 'refused', reason: 'unrout\0able' }
        : { kind: 'confirmed' },
    )
    const told: string[] = []
    const errors: unknown[] = []
    const observer: RelayObserver = {
      error: (error) => errors.push(error),
      retried: (row, reason) => told.push(`retried ${row.attempts} ${reason}`),
      parked: (_, reason, rows) => told.push(`parked ${rows} ${reason}`),
    }
    return withRelay(
      { databaseUrl: outbox.url, transport: fake.transport, maxAttempts: 3, firstRetryMs: 10, observer },
      (relay) => use({ ...outbox, fake, told, errors, wake: relay.wake }),
    )
  })

interface Row {
  place: number
  out: boolean
  parked: boolean
  attempts: number
  last_error: string | null
  event_id: string
}

const rowsOf = ({ sql }: Outbox, aggregateId: string) =>
  sql.$queryRawUnsafe<Row[]>(
    `select (payload->>'place')::int as place, published_at is not null as out, parked_at is not null as parked,
       attempts, last_error, event_id::text from outbox where aggregate_id = $1::uuid order by id`,
    aggregateId,
  )

const areOut = async (outbox: Outbox, aggregateId: string) =>
  (await rowsOf(outbox, aggregateId)).every((row) => row.out)
const areParked = async (outbox: Outbox, aggregateId: string, count: number) =>
  (await rowsOf(outbox, aggregateId)).filter((row) => row.parked).length === count

test('a poisoned event is parked with the later ones of its aggregate; the others go on', () => {
  const ids = Array.from({ length: 6 }, () => randomUUID())
  const sick = ids[2]!
  return withPoison(
    (id, place) => id === sick && place === 1,
    async (given) => {
      await seed(given.sql, ids, 4)
      given.wake()
      for (const id of ids.filter((one) => one !== sick)) await eventually(() => areOut(given, id))
      await eventually(() => areParked(given, sick, 3))
      const [first, poison, ...behind] = await rowsOf(given, sick)
      assert.is(first!.out, true)
      assert.equal([poison!.attempts, poison!.last_error], [3, 'unroutable'])
      for (const row of behind)
        assert.equal([row.attempts, row.last_error], [0, `behind parked event ${poison!.event_id}`])
      assert.equal(given.fake.placesOf(sick), [0, 1, 1, 1])
      assert.equal(given.told, ['retried 0 unroutable', 'retried 1 unroutable', 'parked 3 unroutable'])
    },
  )
})

test('a payload that is too large to be read is parked with the later ones of its aggregate; the others go on, and nothing ends', () => {
  const [large, other] = [randomUUID(), randomUUID()]
  return withPoison(
    () => false,
    async ({ told, wake, ...outbox }) => {
      const { sql, fake, errors } = outbox
      await append(sql, [event(large, 0)])
      // Each as six characters of text: together more than Node can have in one.
      await sql.$executeRawUnsafe(
        `insert into outbox (event_id, type, aggregate_id, exchange, routing_key, payload)
         select gen_random_uuid(), 'Happened', $1::uuid, 'EX_TEST', 'test.key',
           jsonb_build_object('place', 1, 'text', repeat(chr(1), 95 * 1024 * 1024))`,
        large,
      )
      await append(sql, [event(large, 2), ...upTo(20).map((place) => event(other, place))])
      wake()
      await eventually(async () => (await areOut(outbox, other)) && (await areParked(outbox, large, 2)), {
        withinMs: 30_000,
      })
      assert.equal([fake.placesOf(large), fake.placesOf(other)], [[0], upTo(20)])
      assert.equal(told.at(-1), 'parked 2 the payload is larger than 16777216 bytes')
      assert.equal(errors, [])
    },
  )
})

test('events appended to a parked aggregate are parked too; un-parked, all go in order', () => {
  let broken = true
  return withPoison(
    () => broken,
    async (given) => {
      const [id] = await seed(given.sql, 1, 2)
      given.wake()
      await eventually(() => areParked(given, id!, 2))
      for (const place of [2, 3]) {
        await append(given.sql, [event(id!, place)])
        given.wake()
        await eventually(() => areParked(given, id!, place + 1))
      }
      const [poison, , late] = await rowsOf(given, id!)
      assert.is(late!.last_error, `behind parked event ${poison!.event_id}`)
      assert.equal(given.fake.placesOf(id!), [0, 0, 0])
      broken = false
      await append(given.sql, [event(id!, 4)])
      assert.is(await unpark(given.sql, { eventId: poison!.event_id }), 4)
      given.wake()
      await eventually(() => areOut(given, id!))
      assert.equal(given.fake.placesOf(id!).slice(3), upTo(5))
    },
  )
})

test('un-parked alone by plain SQL, the poisoned event goes out and those behind it follow', () => {
  let broken = true
  return withPoison(
    (_, place) => broken && place === 0,
    async (given) => {
      const [id, other] = await seed(given.sql, 2, 3)
      given.wake()
      await eventually(async () => (await areParked(given, id!, 3)) && areParked(given, other!, 3), {
        withinMs: 15_000,
      })
      const [poison, follower] = await rowsOf(given, id!)
      const alone = `update outbox set parked_at = null, attempts = 0 where event_id = $1::uuid`
      await given.sql.$executeRawUnsafe(alone, follower!.event_id)
      given.wake()
      await eventually(() => areParked(given, id!, 3))
      broken = false
      await given.sql.$executeRawUnsafe(alone, poison!.event_id)
      given.wake()
      await eventually(() => areOut(given, id!))
      assert.equal(given.fake.placesOf(id!), [0, 0, 0, 0, 1, 2])
      assert.ok(await areParked(given, other!, 3))
      assert.is(await unpark(given.sql, { type: 'Unheard' }), 0)
      assert.is(await unpark(given.sql), 3)
      given.wake()
      await eventually(() => areOut(given, other!))
    },
  )
})

test('rows of a poisoned aggregate that somebody has locked keep nobody out, and are parked or released when they are free', () => {
  let broken = true
  return withPoison(
    (_, place) => broken && place === 0,
    (given) =>
      withClient(given.url, async (holder) => {
        const [sick] = await seed(given.sql, 1, 3)
        const othersGoOn = async () => {
          const healthy = randomUUID()
          await append(given.sql, [event(healthy, 1), event(healthy, 2)])
          given.wake()
          await eventually(() => areOut(given, healthy), { withinMs: 1900 })
        }
        const [poison, follower] = await rowsOf(given, sick!)
        const lock = async (row: Row) => {
          await holder.query('begin')
          await holder.query('select from outbox where event_id = $1::uuid for update', [row.event_id])
        }

        await lock(poison!)
        given.wake()
        await eventually(() => given.fake.placesOf(sick!).length === 1)
        await othersGoOn()
        await holder.query('commit')
        await eventually(() => areParked(given, sick!, 3))
        assert.equal(given.fake.placesOf(sick!), [0, 0, 0])

        await holder.query('begin')
        await append(sqlOf(holder), [event(sick!, 3)])
        await holder.query('commit')
        const late = (await rowsOf(given, sick!))[3]!
        await lock(late)
        given.wake()
        await othersGoOn()
        await holder.query('commit')
        given.wake()
        await eventually(() => areParked(given, sick!, 4))

        broken = false
        await lock(follower!)
        await given.sql.$executeRawUnsafe(
          'update outbox set parked_at = null, attempts = 0 where event_id = $1::uuid',
          poison!.event_id,
        )
        given.wake()
        await eventually(() => given.fake.placesOf(sick!).length === 4)
        await othersGoOn()
        await holder.query('commit')
        await eventually(() => areOut(given, sick!))
        assert.equal(given.fake.placesOf(sick!), [0, 0, 0, 0, 1, 2, 3])
      }),
  )
})

test('still poisoned when un-parked: parked again after as many attempts', () =>
  withPoison(
    (_, place) => place === 0,
    async (given) => {
      const [id] = await seed(given.sql, 1, 2)
      given.wake()
      await eventually(() => areParked(given, id!, 2))
      await unpark(given.sql, { aggregateId: id! })
      given.wake()
      await eventually(async () => given.fake.log.length === 6 && (await areParked(given, id!, 2)))
      assert.is((await rowsOf(given, id!))[0]!.attempts, 3)
    },
  ))

test('many poisoned aggregates keep nobody out', () =>
  withPoison(
    (_, place) => place === 0,
    async (given) => {
      await seed(given.sql, 300, 2)
      const healthy = randomUUID()
      await append(
        given.sql,
        upTo(20).map((place) => event(healthy, place + 1)),
      )
      given.wake()
      await eventually(() => areOut(given, healthy), { withinMs: 20_000 })
    },
  ))

test('thousands of events that wait for their next try keep nobody out', () =>
  withOutbox(async ({ url, sql }) => {
    const fake = createFakeTransport((row) =>
      placeOf(row) === 0 ? { kind: 'refused', reason: 'unroutable' } : { kind: 'confirmed' },
    )
    await seed(sql, 5000, 1)
    const healthy = randomUUID()
    await append(sql, [event(healthy, 1)])
    await withRelay({ databaseUrl: url, transport: fake.transport, firstRetryMs: 60_000 }, async () => {
      await eventually(() => fake.placesOf(healthy).length === 1, { withinMs: 20_000 })
    })
  }))

test('what breaks the connection for all is found out, and parked without them', () =>
  withOutbox(async ({ url, sql, client }) => {
    const ids = await seed(sql, 12, 30)
    const breaker = ids[5]!
    let generation = 0
    // As a broker that closes the channel on one bad publish: everything in flight comes back unknown.
    const fake = createFakeTransport(async (row) => {
      const born = generation
      if (row.aggregateId === breaker) generation += 1
      await new Promise((resolve) => setTimeout(resolve, 1))
      return generation === born ? { kind: 'confirmed' } : { kind: 'unknown', reason: 'channel closed' }
    })
    await withRelay(
      { databaseUrl: url, transport: fake.transport, maxAttempts: 2, firstRetryMs: 10 },
      async () => {
        await eventually(
          async () => {
            const { rows } = await client.query(
              `select aggregate_id::text as id, count(*)::int as n from outbox where published_at is null group by 1`,
            )
            return rows.length === 1 && rows[0].id === breaker
          },
          { withinMs: 20_000 },
        )
        // Evidence needs others that are confirmed in between.
        await eventually(
          async () => {
            await append(sql, [event(randomUUID(), 0)])
            await client.query('notify outbox')
            const { rows } = await client.query(
              'select count(*)::int as n from outbox where parked_at is not null',
            )
            return rows[0].n === 30
          },
          { withinMs: 20_000 },
        )
      },
    )
    for (const id of ids.filter((one) => one !== breaker))
      assert.equal([...new Set(fake.placesOf(id))], upTo(30))
  }))

test.run()

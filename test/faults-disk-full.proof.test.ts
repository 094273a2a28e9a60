// limit: 240 s
import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { services } from '../shared/contracts/index.ts'
import { eventually, skipTest } from '../shared/testing/index.ts'
import {
  checkInvariants,
  clientsWereTold,
  openShop,
  place,
  type Sent,
  type Shop,
  type System,
  sendTraffic,
  withSystem,
} from './system/index.ts'
import { fillDisk, whyNoSmallDisk, withSmallDisk } from './system/small-disk.ts'

/** More than all limits of the database room together: what takes longer hangs. */
const longestAnswerMs = 10_000
const enoughRefusals = 10

/** Orders once, with a key of its own: a refused order must not be there afterwards. */
const orderOnce = async (system: System, { users, products }: Shop, sent: Sent[]): Promise<number> => {
  const [key, userId] = [randomUUID(), users[0] as string]
  const items = products.slice(0, 3).map((productId) => ({ productId, quantity: 1 }))
  const { status, ms, body } = await place(system, userId, items, { 'Idempotency-Key': key })
  assert.ok(ms < longestAnswerMs, `answered ${status} after ${ms} ms`)
  assert.ok([202, 503].includes(status), `answered ${status}`)
  if (status === 202)
    sent.push({
      key,
      userId,
      orderId: body.id,
      ids: new Set([body.id]),
      statuses: [status],
      lastError: undefined,
    })
  return status
}

/** Rows still fit into what the tables have already, so the refusals come little by little. */
const ordersAreRefused = async (system: System, shop: Shop): Promise<Sent[]> => {
  const sent: Sent[] = []
  let refused = 0
  await eventually(
    async () => {
      if ((await orderOnce(system, shop, sent)) === 503) refused += 1
      return refused >= enoughRefusals
    },
    { withinMs: 60_000, everyMs: 1 },
  )
  return sent
}

/** A server that can't begin the next file of its write-ahead log has to end: it may not say COMMIT any more. */
const logRunsOut = (system: System): Promise<unknown> =>
  eventually(
    async () => {
      const forced = 'SELECT pg_logical_emit_message(false, $1, $2), pg_switch_wal()'
      return system.sql('order', forced, ['test', 'x']).then(
        () => false,
        () => true,
      )
    },
    { withinMs: 60_000, everyMs: 1 },
  )

const name =
  'the disk of PostgreSQL is full in mid-traffic: 503 until there is room again, and nothing is lost or halved'

const underTraffic = (folder: string) => async (system: System) => {
  const shop = await openShop(system)
  const filler = join(folder, 'filler')
  let striking: Promise<Sent[]> | undefined
  const strike = async () => {
    await fillDisk(filler)
    const accepted = await ordersAreRefused(system, shop)
    await rm(filler)
    return accepted
  }
  const sent = await sendTraffic(system, shop, {
    orders: 60,
    clients: 6,
    onSent(count) {
      if (count === 15) striking = strike()
    },
  })
  sent.push(...((await striking) ?? []))
  await checkInvariants(system)
  assert.equal(await clientsWereTold(system, sent), [])

  await fillDisk(filler)
  await logRunsOut(system)
  await eventually(async () => (await orderOnce(system, shop, sent)) === 503, { withinMs: 30_000 })
  await rm(filler)
  // What ends by itself is started again by whoever runs it.
  await system.servers.postgres.restart()
  await Promise.all(services.map((service) => system[service].ready()))
  await eventually(async () => (await orderOnce(system, shop, sent)) === 202)
  await checkInvariants(system)
  assert.equal(await clientsWereTold(system, sent), [])
}

const why = await whyNoSmallDisk()
if (why !== undefined) skipTest(test, name, why)
else
  test(name, () =>
    withSmallDisk(300, (postgresFolder) =>
      withSystem({ mode: 'choreography', servers: 'private', postgresFolder }, underTraffic(postgresFolder)),
    ),
  )

test.run()

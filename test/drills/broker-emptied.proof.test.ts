// limit: 900 s
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { topologyOf } from '../../scripts/infra/index.ts'
import { eventually } from '../../shared/testing/index.ts'
import {
  clientsWereTold,
  openShop,
  retryDelaysMs,
  type Sent,
  type Shop,
  type System,
  sendTraffic,
  withSystem,
} from '../system/index.ts'
import { type Operator, operatorOf } from './operator.ts'
import { drained, processing, topologyStands } from './status.ts'

// No order ends by its deadline: what makes it terminal is the replay.
const env = { ORDER_DEADLINE_MS: '3600000', RATE_LIMIT_PER_SECOND: '100000' }

const inboxOf = 'select event_id::text as id from inbox'

/** Events that the user service must handle, published and not handled. */
const waitingForUser = async (system: System): Promise<number> => {
  const said = await system.sql<{ id: string }>(
    'product',
    `select event_id::text as id from outbox where type = 'StockReserved' and published_at is not null`,
  )
  const handled = new Set((await system.sql<{ id: string }>('user', inboxOf)).map(({ id }) => id))
  return said.filter(({ id }) => !handled.has(id)).length
}

/** While the user service is away, orders go on, and events for it gather on the broker: these are lost for certain. */
const loseWhatWaits = async (system: System, shop: Shop, lose: () => Promise<void>): Promise<Sent[]> => {
  await system.user.stop()
  const sent = await sendTraffic(system, shop, { orders: 40, seed: 2 })
  await eventually(async () => (await waitingForUser(system)) > 10, { withinMs: 30_000 })
  await lose()
  system.user.spawn()
  // Beside traffic, and a broker that has just begun.
  await system.user.ready(120_000)
  return sent
}

interface Traffic {
  orders: number
  clients: number
}

/** In the middle of the traffic everything that waits is lost; answers what the clients saw. */
const loseUnder = async (
  { orders, clients }: Traffic,
  system: System,
  lose: () => Promise<void>,
): Promise<Sent[]> => {
  const shop = await openShop(system)
  let losing: Promise<Sent[]> = Promise.resolve([])
  const onSent = (count: number) => {
    if (count !== Math.floor(orders / 2)) return
    losing = loseWhatWaits(system, shop, lose)
    losing.catch(() => {})
  }
  const sent = await sendTraffic(system, shop, { orders, clients, onSent })
  return [...sent, ...(await losing)]
}

/** As docs/operations.md has it; answers how many events were sent, and how long that took until all was handled. */
const sendAgain = async (system: System, operator: Operator, since: string) => {
  await topologyStands(operator)
  await operator.done('npm run migrate')
  const lost = await eventually(
    async () => {
      const said = await operator.type('npm run outbox -- reconcile')
      return said.code === 4 ? said.out : undefined
    },
    { withinMs: 60_000, everyMs: 500 },
  )
  assert.match(lost, /\d+ events missing; npm run outbox -- reconcile --repair sends exactly these\n$/)
  assert.ok((await processing(system)) > 0, 'orders hang on what was lost')
  const dry = await operator.done(`npm run outbox -- replay --since ${since} --dry-run`)
  assert.match(dry, /^would send \d+ events: /m)

  const begun = performance.now()
  const said = await operator.done(`npm run outbox -- replay --since ${since} --rate 5000`)
  const sent = [...said.matchAll(/: sent (\d+) of (\d+) events?$/gm)]
  assert.equal(
    sent.map((it) => it[1]),
    sent.map((it) => it[2]),
  )
  const sentAfter = (performance.now() - begun) / 1_000
  await drained(system, operator)
  const seconds = (performance.now() - begun) / 1_000
  const events = sent.reduce((sum, it) => sum + Number(it[1]), 0)
  assert.is((await operator.type('npm run outbox -- reconcile')).out, 'nothing is missing\n')
  await operator.auditIsClean()
  return { events, sentAfter, seconds }
}

test('every queue is deleted in mid-traffic: declared again by itself, one replay, all orders end, nothing twice', () =>
  withSystem({ mode: 'choreography', env }, async (system) => {
    const operator = operatorOf(system, env)
    const since = new Date().toISOString()
    const deleteQueues = () =>
      system.broker.withChannel(async (channel) => {
        const { queues } = topologyOf({ namespace: system.namespace, retryDelaysMs })
        for (const { name } of queues) await channel.deleteQueue(name)
      })
    const sent = await loseUnder({ orders: 250, clients: 8 }, system, deleteQueues)
    await sendAgain(system, operator, since)
    assert.equal(await clientsWereTold(system, sent), [])
  }))

test('the broker comes back with an empty disk in mid-traffic: the same, and how long 10,000 events take', () =>
  withSystem({ mode: 'choreography', servers: 'private', env }, async (system) => {
    const operator = operatorOf(system, env)
    const { rabbit, rabbitData } = system.servers
    const since = new Date().toISOString()
    const wipe = async () => {
      await rabbit.kill('SIGKILL')
      await rm(join(rabbitData, 'nodes'), { recursive: true })
      await rabbit.restart()
    }
    const sent = await loseUnder({ orders: 2_700, clients: 16 }, system, wipe)
    const { events, sentAfter, seconds } = await sendAgain(system, operator, since)
    assert.equal(await clientsWereTold(system, sent), [])
    const per10k = (value: number) => ((value / events) * 10_000).toFixed(1)
    console.log(
      `replayed ${events} events: ${per10k(sentAfter)} s per 10,000 sent, ${per10k(seconds)} s until all was handled`,
    )
  }))

test.run()

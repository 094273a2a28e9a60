// limit: 600 s
import { setTimeout as pause } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { PrivateServer } from '../scripts/infra/index.ts'
import { services } from '../shared/contracts/index.ts'
import { managementOffset } from '../shared/messaging/index.ts'
import { eventually } from '../shared/testing/index.ts'
import { addProduct, addUser, checkInvariants, place, type System, withSystem } from './system/index.ts'

/** A node notices within ten seconds that another stands still, and a minority of one stops serving. */
const rabbitConfig = 'net_ticktime = 8\ncluster_partition_handling = pause_minority'
const cluster = { mode: 'choreography', servers: 'private', brokerNodes: 3, rabbitConfig } as const

/** Places an order every 50 ms until `strike` has ended, and answers which statuses clients saw. */
const whilePlacing = async (system: System, strike: () => Promise<void>): Promise<number[]> => {
  const [userId, productId] = await Promise.all([addUser(system), addProduct(system)])
  const statuses = new Set<number>()
  let struck = false
  const striking = pause(1_000)
    .then(strike)
    .finally(() => {
      struck = true
    })
  while (!struck) {
    statuses.add((await place(system, userId, [{ productId, quantity: 1 }])).status)
    await pause(50)
  }
  await striking
  return [...statuses]
}

/** How long an event waited at most for its confirm, in seconds, over all services. */
const longestWait = async (system: System): Promise<number> => {
  const waits = await Promise.all(
    services.map((service) =>
      system.sql<{ seconds: number }>(
        service,
        'SELECT coalesce(extract(epoch FROM max(published_at - created_at)), 0)::float AS seconds FROM outbox',
      ),
    ),
  )
  return Math.max(...waits.flat().map(({ seconds }) => seconds))
}

const allReady = (system: System, status: number) =>
  Promise.all(
    services.map((service) =>
      eventually(async () => (await system[service].get('/readyz')).status === status, { withinMs: 60_000 }),
    ),
  )

/** Until each node may go: as long as a queue has only a bare majority of its members, the broker advises against it. */
const mayLoseOne = (nodes: readonly PrivateServer[]) =>
  Promise.all(
    nodes.map(({ url }) => {
      const { port, username, password } = new URL(url)
      const check = `http://127.0.0.1:${Number(port) + managementOffset}/api/health/checks/node-is-quorum-critical`
      const headers = { authorization: `Basic ${btoa(`${username}:${password}`)}` }
      return eventually(async () => (await fetch(check, { headers })).status === 200, { withinMs: 60_000 })
    }),
  )

const isDownFor = async (node: PrivateServer, meanwhile: () => Promise<unknown>) => {
  await node.kill('SIGKILL')
  await meanwhile()
  await node.restart()
}

test('each node of a cluster is killed in mid-traffic and comes back: no client is told, no event waits for longer than 5 s', () =>
  withSystem(cluster, async (system) => {
    const [first, second, third] = system.servers.brokerNodes as [PrivateServer, PrivateServer, PrivateServer]
    // The first one made all queues, leads them, and has all connections; at its second death it leads none.
    for (const node of [first, second, third, first]) {
      const statuses = await whilePlacing(system, async () => {
        await isDownFor(node, () => pause(8_000))
        await allReady(system, 200)
        await mayLoseOne([first, second, third])
      })
      assert.equal(statuses, [202])
    }
    await checkInvariants(system)
    const seconds = await longestWait(system)
    assert.ok(seconds <= 5, `an event waited for ${seconds} s`)
  }))

test('a service starts while a node is down that keeps its queues of requests', () =>
  withSystem(cluster, async (system) => {
    await isDownFor(system.servers.rabbit, async () => {
      await Promise.all(services.map((service) => system[service].restart()))
      assert.equal(await whilePlacing(system, () => pause(2_000)), [202])
    })
    await checkInvariants(system)
  }))

test('the node that all services are connected to stands still for half a minute: orders are accepted, and all settle', () =>
  withSystem(cluster, async (system) => {
    const { rabbit } = system.servers
    const statuses = await whilePlacing(system, async () => {
      await rabbit.kill('SIGSTOP')
      await pause(35_000)
      await rabbit.kill('SIGCONT')
    })
    assert.equal(statuses, [202])
    await allReady(system, 200)
    await checkInvariants(system)
  }))

test('without a majority of its nodes the broker takes nothing: services are not ready, accept orders, and settle them later', () =>
  withSystem(cluster, async (system) => {
    const { brokerNodes } = system.servers
    const [, ...others] = brokerNodes
    const statuses = await whilePlacing(system, async () => {
      await Promise.all(others.map((node) => node.kill('SIGKILL')))
      await allReady(system, 503)
      await Promise.all(others.map((node) => node.restart()))
    })
    assert.equal(statuses, [202])
    await allReady(system, 200)
    await checkInvariants(system)
  }))

test.run()

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Unavailable } from '../failure/index.ts'
import { withBroker } from '../testing/index.ts'
import { declareTopology } from './declare-topology.ts'
import { withBench } from './testing.ts'
import { mergeTopologies, systemTopology, type Topology, workQueue } from './topology.ts'
import { type VerifyOptions, verifyTopology } from './verify-topology.ts'

const complaint = async (verifying: Promise<unknown>): Promise<string> => {
  try {
    await verifying
  } catch (error) {
    const { code, message, next } = error as Unavailable
    return `${code} | ${message} | ${next}`
  }
  throw new Error('nothing was found')
}

test('names, bindings and arguments are data', () => {
  const topology = systemTopology(
    't1',
    { order: ['update.stock', 'update.stock'], user: ['user.check'] },
    [200, 1000],
  )
  assert.equal(
    topology.exchanges.map((it) => `${it.type} ${it.name}`),
    ['fanout t1.EX_ORDER', 'fanout t1.EX_USER', 'topic t1.EX_TOPIC'],
  )
  assert.equal(topology.bindings, [
    { exchange: 't1.EX_TOPIC', queue: 't1.order.events', key: 'update.stock' },
    { exchange: 't1.EX_TOPIC', queue: 't1.user.events', key: 'user.check' },
  ])
  assert.ok(topology.queues.every((it) => it.arguments['x-queue-type'] === 'quorum'))
  assert.ok(topology.queues.every((it) => it.arguments['x-delivery-limit'] !== undefined))
  assert.is(systemTopology('', { order: [] }, []).queues[1]?.name, 'order.events')
  const twice = mergeTopologies(topology, topology, workQueue('t1.order.create', [200]))
  assert.is(twice.queues.length, topology.queues.length + 3)
})

test('declared twice is declared once, and verified', () =>
  withBroker((broker) =>
    withBench(broker, async ({ connection, topology }) => {
      await declareTopology(connection, topology)
      await verifyTopology(connection, topology)
    }),
  ))

test('of a broker that has nothing of it yet no more is said than that', () =>
  withBroker((broker) =>
    withBench(broker, async ({ connection }) => {
      const other = systemTopology(`${broker.namespace}x`, { order: ['update.stock'] }, [200])
      assert.match(await complaint(verifyTopology(connection, other)), /^topology\.absent \| .+nothing of it/)
    }),
  ))

test('all that is missing is named in one line', () =>
  withBroker((broker) =>
    withBench(broker, async ({ connection, topology, channel }) => {
      const dead = topology.queues.find((it) => it.name.endsWith('product.events.dead'))?.name as string
      await channel.deleteQueue(dead)
      await channel.deleteExchange(topology.exchanges[0]?.name as string)
      const text = await complaint(verifyTopology(connection, topology))
      assert.match(text, /^topology\.missing/)
      assert.match(text, `exchange ${topology.exchanges[0]?.name} is missing`)
      assert.match(text, `queue ${dead} is missing`)
      assert.match(text, /npm run migrate/)
      assert.not.match(text, /\n/)
      await declareTopology(connection, topology)
      await verifyTopology(connection, topology)
    }),
  ))

test('another type or argument is named, by verify and by declare', () =>
  withBroker((broker) =>
    withBench(broker, async ({ connection, topology, queue }) => {
      const other: Topology = {
        ...topology,
        exchanges: topology.exchanges.map((it) => (it.type === 'topic' ? { ...it, type: 'fanout' } : it)),
        queues: topology.queues.map((it) =>
          it.name === queue ? { ...it, arguments: { ...it.arguments, 'x-delivery-limit': 5 } } : it,
        ),
      }
      const text = await complaint(verifyTopology(connection, other))
      assert.match(text, /^topology\.different/)
      assert.match(text, /exchange \S+EX_TOPIC is different: inequivalent arg 'type'/)
      assert.match(
        text,
        new RegExp(`queue ${queue} is different: inequivalent arg 'x-delivery-limit'.*'5'.*'20'`),
      )
      assert.match(await complaint(declareTopology(connection, other)), /^topology\.different/)
    }),
  ))

const withManagement = async (bindings: object[], use: (options: VerifyOptions) => Promise<void>) => {
  const server = createServer((request, response) => {
    const { url, headers } = request
    if (url !== '/api/bindings/%2F' || headers.authorization !== 'Basic Z3Vlc3Q6Z3Vlc3Q=')
      response.statusCode = 401
    response.end(JSON.stringify(bindings))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    await use({ managementUrl: `http://guest:guest@127.0.0.1:${(server.address() as AddressInfo).port}/` })
  } finally {
    server.close()
  }
}

test('with the management API a binding that is missing or too much is named', () =>
  withBroker((broker) =>
    withBench(broker, async ({ connection, topology, queue }) => {
      const all = [
        ...topology.exchangeBindings.map(({ from, to, key }) => binding('exchange', to, from, key)),
        ...topology.bindings.map((it) => binding('queue', it.queue, it.exchange, it.key)),
        binding('queue', queue, '', queue),
        binding('queue', 'somebody.else', 'EX', 'x'),
      ]
      await withManagement(all, (options) => verifyTopology(connection, topology, options))
      await withManagement(all.slice(1), async (options) => {
        const text = await complaint(verifyTopology(connection, topology, options))
        assert.match(text, /^topology\.missing \| .*binding of exchange \S+EX_TOPIC to \S+EX_ORDER by ''/)
      })
      const more = [...all, binding('queue', queue, `${broker.namespace}.EX_TOPIC`, '#')]
      await withManagement(more, async (options) => {
        const text = await complaint(verifyTopology(connection, topology, options))
        assert.match(text, /^topology\.extra/)
        assert.match(
          text,
          `binding of queue ${queue} to ${broker.namespace}.EX_TOPIC by '#' is not in the topology`,
        )
      })
    }),
  ))

const binding = (destination_type: string, destination: string, source: string, routing_key: string) => ({
  destination_type,
  destination,
  source,
  routing_key,
})

test.run()

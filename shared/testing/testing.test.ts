import { Buffer } from 'node:buffer'
import amqp from 'amqplib'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { databaseOf, withClient } from '../database/migrations/index.ts'
import { createDeclarationReader, type DeclaredNames } from './declared-names.ts'
import { eventually, testServers, withBroker, withDatabase } from './index.ts'

const databases = async (): Promise<string[]> => {
  const url = databaseOf(testServers().postgresUrl, 'postgres')
  const { rows } = await withClient(url, (client) => client.query('SELECT datname FROM pg_database'))
  return rows.map((row) => row.datname)
}

async function queueExists(name: string): Promise<boolean> {
  const connection = await amqp.connect(testServers().amqpUrl)
  connection.on('error', () => {})
  try {
    const channel = await connection.createChannel()
    channel.on('error', () => {})
    return await channel.checkQueue(name).then(
      () => true,
      () => false,
    )
  } finally {
    await connection.close()
  }
}

test('withDatabase gives each test a migrated database of its own and drops it, also after a failure', async () => {
  const seen: string[] = []
  await withDatabase('user', async (first) => {
    await withDatabase('user', async (second) => {
      seen.push(first.name, second.name)
      await withClient(second.url, (client) => client.query('SELECT count(*) FROM users'))
      await withClient(first.url, (client) => client.query('SELECT count(*) FROM ledger'))
    })
  })
  const failure = await withDatabase('order', async ({ name }) => {
    seen.push(name)
    throw new Error('on purpose')
  }).catch((error: Error) => error)
  assert.is((failure as Error).message, 'on purpose')
  assert.is(new Set(seen).size, 3)
  const left = await databases()
  assert.equal(
    seen.filter((name) => left.includes(name)),
    [],
  )
})

test('withBroker deletes what was declared through its url, and nothing else', async () => {
  const seen: string[] = []
  await withBroker(async ({ url, namespace }) => {
    const queue = `${namespace}.order.events`
    const connection = await amqp.connect(url)
    const channel = await connection.createChannel()
    await channel.assertExchange(`${namespace}.EX_ORDER`, 'fanout', { durable: true })
    await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'quorum' } })
    await channel.bindQueue(queue, `${namespace}.EX_ORDER`, '')
    channel.publish(`${namespace}.EX_ORDER`, '', Buffer.alloc(300_000, 7))
    const message = await eventually(() => channel.get(queue))
    assert.is(message.content.length, 300_000)
    seen.push(queue)
    await connection.close()
  })
  assert.is(seen.length, 1)
  assert.not(await queueExists(seen[0]!))
})

test('names are read whatever the pieces the bytes come in', () => {
  const name = 'tx.order.events'
  const body = Buffer.concat([
    Buffer.from([0, 50, 0, 10, 0, 0, name.length]),
    Buffer.from(name),
    Buffer.alloc(5),
  ])
  const head = Buffer.alloc(7)
  head.writeUInt8(1, 0)
  head.writeUInt32BE(body.length, 3)
  const content = Buffer.concat([Buffer.from([3, 0, 1, 0, 0, 0, 2]), Buffer.from('xy'), Buffer.from([0xce])])
  const bytes = Buffer.concat([
    Buffer.from('AMQP\0\0\u0009\u0001', 'latin1'),
    content,
    head,
    body,
    Buffer.from([0xce]),
  ])
  for (const size of [1, 3, 8, bytes.length]) {
    const names: DeclaredNames = { exchanges: new Set(), queues: new Set() }
    const read = createDeclarationReader(names)
    for (let from = 0; from < bytes.length; from += size) read(bytes.subarray(from, from + size))
    assert.equal([...names.queues], [name], `pieces of ${size}`)
  }
})

test('eventually answers what it saw, and says what it did not see', async () => {
  let looks = 0
  assert.is(await eventually(() => (++looks > 2 ? looks : undefined), { everyMs: 1 }), 3)
  const tooLate = await eventually(() => false, { withinMs: 10, everyMs: 1 }).catch(
    (error: Error) => error.message,
  )
  assert.match(String(tooLate), /not within 10 ms: the probe answered false/)
  const thrown = await eventually(
    () => {
      throw new Error('no row')
    },
    { withinMs: 10, everyMs: 1 },
  ).catch((error: Error) => error.message)
  assert.match(String(thrown), /no row/)
})

test.run()

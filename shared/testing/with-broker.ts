import { randomBytes } from 'node:crypto'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { silentLog } from '../log/index.ts'
import { connectBroker } from '../messaging/index.ts'
import { createDeclarationReader, type DeclaredNames } from './declared-names.ts'
import { noteMade, strikeOut } from './notebook.ts'
import { testServers } from './servers.ts'

const cleanUpMs = 10_000

/**
 * Runs `use` with a broker and a random namespace (the prefix `<namespace>.` of names, as SAGA_NAMESPACE sets it):
 * `test('..', () => withBroker(async ({ url, namespace }) => ..))`. Everything of that namespace that was declared
 * through `url` is deleted afterwards: `url` leads through a relay in this process that notes the names.
 */
export async function withBroker<Result>(
  use: (broker: { url: string; namespace: string }) => Promise<Result>,
): Promise<Result> {
  const { amqpUrl } = testServers()
  const namespace = `t${randomBytes(5).toString('hex')}`
  noteMade({ kind: 'namespace', name: namespace })
  const declared: DeclaredNames = { exchanges: new Set(), queues: new Set() }
  const listening = await listenBefore(new URL(amqpUrl), declared)
  try {
    const url = new URL(amqpUrl)
    url.hostname = '127.0.0.1'
    url.port = String(listening.port)
    return await use({ url: url.href, namespace })
  } finally {
    await listening.close()
    await deleteAll(amqpUrl, (name) => name.startsWith(`${namespace}.`), declared)
    strikeOut({ kind: 'namespace', name: namespace })
  }
}

/** A port of our own in front of the broker; what clients say is read on its way. */
async function listenBefore(
  broker: URL,
  declared: DeclaredNames,
): Promise<{ port: number; close(): Promise<void> }> {
  const open = new Set<Socket>()
  const server: Server = createServer((client) => {
    const upstream = connect(Number(broker.port || 5672), broker.hostname)
    const read = createDeclarationReader(declared)
    client.on('data', read)
    client.setNoDelay(true)
    upstream.setNoDelay(true)
    client.pipe(upstream).pipe(client)
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(socket)
      socket.on('error', () => other.destroy())
      socket.on('close', () => {
        open.delete(socket)
        other.destroySoon()
      })
    }
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of open) socket.destroy()
      }),
  }
}

async function deleteAll(
  url: string,
  ours: (name: string) => boolean,
  declared: DeclaredNames,
): Promise<void> {
  const queues = [...declared.queues].filter(ours)
  const exchanges = [...declared.exchanges].filter(ours)
  if (queues.length + exchanges.length === 0) return
  const connection = connectBroker({ url, name: 'clean up after a test', log: silentLog() })
  try {
    const session = await connection.connected(AbortSignal.timeout(cleanUpMs))
    const channel = await session.createChannel()
    for (const queue of queues) await channel.deleteQueue(queue)
    for (const exchange of exchanges) await channel.deleteExchange(exchange)
    await channel.close()
  } finally {
    await connection.close()
  }
}

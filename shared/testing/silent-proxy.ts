import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface SilentProxy {
  /** The server's URL, through the proxy. */
  url: string
  /** From now on nothing passes and nothing is closed, as when a cable is pulled. New connections are taken, and get no word. */
  silence(): void
  /** New connections pass; those that fell silent stay so for ever. */
  heal(): void
  close(): Promise<void>
}

/** A TCP proxy on 127.0.0.1 in front of the server of `upstreamUrl`, that can fall silent. */
export const startSilentProxy = async (upstreamUrl: string): Promise<SilentProxy> => {
  const upstream = new URL(upstreamUrl)
  const pairs = new Set<readonly Socket[]>()
  let silent = false
  const hush = (pair: readonly Socket[]) => {
    for (const socket of pair) socket.unpipe().removeAllListeners('close').pause()
  }
  const server = createServer((client) => {
    const remote = connect({ host: upstream.hostname, port: Number(upstream.port) })
    const pair = [client, remote] as const
    pairs.add(pair)
    for (const socket of pair) {
      socket.on('error', () => socket.destroy())
      socket.on('close', () => {
        pairs.delete(pair)
        for (const one of pair) one.destroy()
      })
    }
    client.pipe(remote).pipe(client)
    if (silent) hush(pair)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = new URL(upstreamUrl)
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url: url.toString(),
    silence() {
      silent = true
      for (const pair of pairs) hush(pair)
    },
    heal() {
      silent = false
    },
    async close() {
      const closed = once(server, 'close')
      server.close()
      for (const pair of pairs) for (const socket of pair) socket.destroy()
      await closed
    },
  }
}

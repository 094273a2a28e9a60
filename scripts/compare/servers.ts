import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ownPlace, type PrivateServer, startPrivatePostgres, startPrivateRabbit } from '../infra/index.ts'

/** A PostgreSQL and a RabbitMQ of the comparison's own: they may be killed, and nobody else's load is on them. */
export interface ComparisonServers {
  postgres: PrivateServer
  broker: PrivateServer
  stop(): Promise<void>
}

export interface ServersOptions {
  /** The folder, in the project's own place, that holds their data while they run. */
  folder?: string
  postgresSettings?: readonly string[]
}

/** Starts both with empty data. Throws Unavailable when one is not on this machine. */
export const startServers = async ({
  folder = 'compare',
  postgresSettings = [],
}: ServersOptions = {}): Promise<ComparisonServers> => {
  const place = join(ownPlace(), folder, String(process.pid))
  await mkdir(place, { recursive: true })
  const remove = () => rm(place, { recursive: true, force: true })
  const [postgres, broker] = await Promise.allSettled([
    startPrivatePostgres({ dataDir: join(place, 'postgres'), settings: postgresSettings }),
    startPrivateRabbit({ dataDir: join(place, 'rabbitmq') }),
  ])
  const stop = async () => {
    const started = [postgres, broker].flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    await Promise.all(started.map((one) => one.stop()))
    await remove()
  }
  if (postgres.status === 'fulfilled' && broker.status === 'fulfilled') {
    return { postgres: postgres.value, broker: broker.value, stop }
  }
  await stop()
  throw postgres.status === 'rejected' ? postgres.reason : (broker as PromiseRejectedResult).reason
}

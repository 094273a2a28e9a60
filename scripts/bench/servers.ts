import { rm } from 'node:fs/promises'
import { withClient } from '../../shared/database/migrations/index.ts'
import { Unavailable } from '../../shared/failure/index.ts'
import { cleanUp, startServers } from '../compare/index.ts'
import { findServers, type Kind } from '../infra/index.ts'
import { deleteQueueOf } from './queue.ts'
import { logsOf } from './saga/services.ts'
import type { SceneSettings } from './scene.ts'

export interface BenchServers extends Pick<SceneSettings, 'postgresUrl' | 'amqpUrl' | 'pids'> {
  stop(): Promise<void>
}

/** One of the rivals reads the database's log; all sides get the same server. */
const postgresSettings = ['wal_level=logical']

/**
 * Servers of our own, so that their CPU can be counted and nobody else's load is on them. Where there are no binaries, or when
 * one way is asked for: what can be found, with databases and names of our own, and without the servers' CPU. Throws what the signal
 * aborts with: Ctrl-C ends the programs that are run here too, which is no reason to try the next way.
 */
export const benchServers = async (
  force: Kind | undefined,
  log: (line: string) => void,
  signal: AbortSignal,
): Promise<BenchServers> => {
  if (force === undefined) {
    try {
      const { postgres, broker, stop } = await startServers({ folder: 'bench-servers', postgresSettings })
      const pids = { postgres: postgres.pid, broker: broker.pid }
      return { postgresUrl: postgres.url, amqpUrl: broker.url, pids, stop }
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof Unavailable)) throw error
      log(`no servers of our own: ${error.message}`)
    }
  }
  const { postgresUrl, amqpUrl, stop } = await findServers({ force, log })
  return { postgresUrl, amqpUrl, pids: {}, stop }
}

/** Removes what a run of one side has left behind that failed or was ended; its databases go with those of the namespace. */
export const clearRun = async (
  scene: Pick<SceneSettings, 'postgresUrl' | 'amqpUrl' | 'namespace' | 'runName'>,
): Promise<void> => {
  await rm(logsOf(scene.runName), { recursive: true, force: true })
  await cleanUp({ postgres: { url: scene.postgresUrl }, broker: { url: scene.amqpUrl } }, scene.runName)
  await deleteQueueOf(scene)
}

/** Drops every database that begins with the namespace. */
export const dropDatabases = (postgresUrl: string, namespace: string): Promise<void> =>
  withClient(postgresUrl, async (client) => {
    const { rows } = await client.query<{ datname: string }>(
      'select datname from pg_database where starts_with(datname, $1)',
      [namespace],
    )
    for (const { datname } of rows) {
      await client.query(`drop database if exists ${client.escapeIdentifier(datname)} with (force)`)
    }
  })

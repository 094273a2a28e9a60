import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { withClient } from '../../shared/database/migrations/index.ts'
import { findRabbitServer } from '../infra/index.ts'

const run = promisify(execFile)

export interface PostgresCounters {
  /** Committed and rolled back, of the given databases. */
  transactions: number
  walBytes: number
}

const countersStatement = `
  SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8 AS wal,
    (SELECT coalesce(sum(xact_commit + xact_rollback), 0)::float8 FROM pg_stat_database WHERE datname = ANY($1)) AS transactions`

/** A backend reports its transactions up to a second late, and all of them when it ends. */
export const readPostgresCounters = (
  serverUrl: string,
  databases: readonly string[],
): Promise<PostgresCounters> =>
  withClient(serverUrl, async (client) => {
    const { rows } = await client.query<{ wal: number; transactions: number }>(countersStatement, [databases])
    return { transactions: rows[0]?.transactions ?? 0, walBytes: rows[0]?.wal ?? 0 }
  })

/**
 * How many messages clients have published to this broker since it started: events, commands, RPC requests and replies alike.
 * Asked with rabbitmqctl in the environment of the broker's own process. null where that can't be had.
 */
export const readPublished = async (brokerPid: number): Promise<number | null> => {
  try {
    const env = environmentOf(await readFile(`/proc/${brokerPid}/environ`, 'utf8'))
    const asked = ['--quiet', 'eval', 'rabbit_global_counters:overview().']
    const { stdout } = await run(control(), asked, { env: { ...env, RUNNING_UNDER_SYSTEMD: '' } })
    return parsePublished(stdout)
  } catch {
    return null
  }
}

/** The script beside the server's: one on PATH may be a wrapper that changes the user, and with it the cookie. */
const control = (): string => join(dirname(findRabbitServer() ?? 'rabbitmqctl'), 'rabbitmqctl')

const environmentOf = (text: string): Record<string, string> =>
  Object.fromEntries(
    text
      .split('\0')
      .map((entry) => entry.split(/=(.*)/s) as [string, string | undefined])
      .flatMap(([name, value]) => (name !== '' && value !== undefined ? [[name, value]] : [])),
  )

/** Erlang's own notation: a map per protocol, of which each has its `messages_received_total`. */
export const parsePublished = (text: string): number | null => {
  const protocols = [...text.matchAll(/\[\{protocol,amqp091\}\]\s*=>\s*#\{([^}]*)\}/g)]
  const counts = protocols.map(([, body = '']) => /\bmessages_received_total\s*=>\s*(\d+)/.exec(body)?.[1])
  return counts[0] === undefined ? null : Number(counts[0])
}

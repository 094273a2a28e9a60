import pg from 'pg'
import {
  getDisabledLogger,
  initializeMessageStorage,
  type TransactionalMessage,
} from 'pg-transactional-outbox'
import { payloadSql } from '../events.ts'
import { inTransaction, type Peer, type Publish } from './peer.ts'

/** What its two listeners have in common; settings as in its README. */

export const logger = getDisabledLogger()

export const settings = {
  dbSchema: 'public',
  dbTable: 'outbox',
  enableMaxAttemptsProtection: false,
  enablePoisonousMessageProtection: false,
}

export const clientConfig = (url: string) => {
  const { hostname, port, username, password, pathname } = new URL(url)
  return {
    host: hostname,
    port: Number(port || 5432),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    database: pathname.slice(1),
  }
}

/** Names for the scripts that it generates; the roles are the one that we have. */
export const setupConfig = (url: string) => ({
  outboxOrInbox: 'outbox' as const,
  database: clientConfig(url).database,
  schema: 'public',
  table: 'outbox',
  listenerRole: clientConfig(url).user,
})

export const runScript = async (url: string, script: string): Promise<void> => {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(script)
  } finally {
    await client.end()
  }
}

export const handler = (publish: Publish) => ({
  handle: (message: TransactionalMessage) => publish(message.id, message.payload),
})

const store = initializeMessageStorage({ outboxOrInbox: 'outbox', settings }, logger)

/** It publishes some hundreds a second, so a tenth of the events is enough to see that. */
export const common: Pick<Peer, 'fill' | 'write' | 'shareOfDrain'> = {
  shareOfDrain: 0.1,
  fill: async (pool, _url, count, bytes) => {
    await pool.query(
      `insert into outbox (id, aggregate_type, aggregate_id, message_type, payload, created_at)
       select gen_random_uuid(), 'order', n::text, 'OrderPlaced', ${payloadSql(bytes)}, clock_timestamp()
       from generate_series(1, $1::int) n`,
      [count],
    )
  },
  write: (pool, { id, payload }) =>
    inTransaction(pool, (client) =>
      store({ id, aggregateType: 'order', aggregateId: id, messageType: 'OrderPlaced', payload }, client),
    ),
}

import { withClient } from '../../shared/database/migrations/index.ts'
import { describe } from '../../shared/failure/index.ts'
import { silentLog } from '../../shared/log/index.ts'
import { type BrokerConnection, brokerUrls, connectBroker } from '../../shared/messaging/index.ts'

const probeTimeoutMs = 3_000

export const mayNotCreate = 'the user may not create databases'

/** Undefined when PostgreSQL answers at `url` and lets us create databases, else the reason in one line. */
export async function whyNotPostgres(url: string): Promise<string | undefined> {
  try {
    const { rows } = await withClient(url, (client) =>
      client.query('SELECT rolcreatedb OR rolsuper AS may FROM pg_roles WHERE rolname = current_user'),
    )
    return rows[0]?.may ? undefined : mayNotCreate
  } catch (error) {
    return describe(error)
  }
}

/** Undefined when RabbitMQ, or a node of its cluster, takes an AMQP connection at `url`, else the reason in one line. */
export async function whyNotRabbit(url: string): Promise<string | undefined> {
  const nodes = brokerUrls(url).length
  let connection: BrokerConnection | undefined
  try {
    return await new Promise<string | undefined>((resolve) => {
      const options = { url, name: 'probe', log: silentLog(), connectTimeoutMs: probeTimeoutMs }
      connection = connectBroker({
        ...options,
        onState: (state) => {
          if (state.kind === 'connected') resolve(undefined)
          if (state.kind === 'connecting' && state.failures >= nodes)
            resolve(state.reason ?? 'it does not answer')
        },
      })
    })
  } catch (error) {
    return describe(error)
  } finally {
    await connection?.close()
  }
}

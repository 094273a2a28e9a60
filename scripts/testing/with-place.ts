import { environment } from '../../shared/config/index.ts'
import { services } from '../../shared/contracts/index.ts'
import { databaseOf, withClient } from '../../shared/database/migrations/index.ts'
import { testServers, withBroker } from '../../shared/testing/index.ts'
import { databaseNameOf, freePort } from '../infra/index.ts'

export interface Place {
  /** For a command's process: servers, namespace. */
  env: Record<string, string>
  /** The first of three free ports in a row. */
  base: number
}

/** A system's own databases, broker names and ports: nothing of a running one is touched, nothing is left. */
export const withPlace = (use: (place: Place) => Promise<void>) =>
  withBroker(async ({ url, namespace }) => {
    const { postgresUrl } = testServers()
    const env = environment({
      POSTGRES_URL: postgresUrl,
      AMQP_URL: url,
      SAGA_NAMESPACE: namespace,
      NO_COLOR: '1',
    })
    try {
      await use({ env, base: await freePort(3) })
    } finally {
      for (const service of services) {
        await withClient(databaseOf(postgresUrl, 'postgres'), (client) =>
          client.query(`drop database if exists "${databaseNameOf(service, namespace)}" with (force)`),
        )
      }
    }
  })

/** Whether a service answers on a port. */
export const answers = (port: number) =>
  fetch(`http://127.0.0.1:${port}/livez`).then(
    () => true,
    () => false,
  )

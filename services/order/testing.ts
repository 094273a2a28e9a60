import { Registry } from 'prom-client'
import { readConfig } from '../../shared/config/index.ts'
import type { DomainEvent } from '../../shared/contracts/index.ts'
import { noFaults } from '../../shared/lifecycle/index.ts'
import { silentLog } from '../../shared/log/index.ts'
import { type Decision, decisionFor, type Input } from '../../shared/saga/index.ts'
import { serviceSchema } from '../../shared/service/index.ts'
import { type Call, withDatabase, withHttp } from '../../shared/testing/index.ts'
import { type OrderDatabase, openOrderDatabase } from './database.ts'
import type { OrderState } from './domain.ts'
import { order } from './service.ts'

type Parts = Parameters<typeof order.assemble>[0]

export interface Served {
  call: Call
  database: OrderDatabase
  /** Decides and commits as another process would, and as this one does: waking those who wait here, or not. */
  elsewhere(input: Input): Promise<Decision<OrderState, DomainEvent>>
  ask(input: Input): Promise<OrderState>
  /** Runs the background work while `use` does. */
  background(use: () => Promise<unknown>): Promise<void>
}

/** The order service as it is put together, without a broker: its routes over HTTP, on a database of its own. */
export const served = (use: (served: Served) => Promise<void>) => () =>
  withDatabase('order', async ({ url }) => {
    const database = openOrderDatabase({ url, name: 'test', poolSize: 6 })
    const elsewhere = deciding(database)
    const assembly = order.assemble(partsWith(database, url, (input) => ask(input)))
    const ask = async (input: Input) => {
      const { state, events } = await elsewhere(input)
      assembly.committed?.([{ kind: 'done', state, events }])
      return state
    }
    const background: Served['background'] = async (during) => {
      const stopping = new AbortController()
      const running = (assembly.background ?? []).map(({ run }) => run(stopping.signal))
      try {
        await during()
      } finally {
        stopping.abort()
        await Promise.all(running)
      }
    }
    try {
      await withHttp(assembly.routes, (call) => use({ call, database, elsewhere, ask, background }))
    } finally {
      await database.close()
    }
  })

const partsWith = (database: OrderDatabase, url: string, ask: Parts['ask']): Parts => ({
  config: readConfig(serviceSchema('order'), {
    DATABASE_URL: url,
    AMQP_URL: 'amqp://none:none@nowhere.invalid',
  }),
  log: silentLog(),
  database,
  metrics: new Registry(),
  fault: noFaults,
  byMode: ({ choreography }) => choreography,
  rpc: unused,
  ask,
  askSilently: unused,
  askOnce: unused,
})

/** There is no broker in these tests; whoever calls it fails. */
const unused = new Proxy(() => {}, {
  get: () => unused,
  apply: () => Promise.reject(new Error('nothing of the broker is used here')),
}) as never

const deciding =
  ({ transaction }: OrderDatabase) =>
  (input: Input) =>
    transaction(async (tx) => {
      const { store, rows } = order.choreography
      const world = await store.load(tx, [input])
      const decision = decisionFor(rows, input)(store.read(world, input), input)
      store.write(world, decision.state)
      await store.save(tx, world)
      return decision
    })

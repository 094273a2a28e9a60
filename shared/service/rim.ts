import type { ServiceName } from '../contracts/index.ts'
import type { Database, Sql } from '../database/index.ts'
import type { FaultPoint } from '../lifecycle/index.ts'
import { serviceExchange } from '../messaging/index.ts'
import { append, forget, insertNew } from '../outbox/index.ts'
import type { Table } from '../saga/index.ts'
import type { Acted, Rim } from './act.ts'
import { outgoing } from './outgoing.ts'

export interface RimOptions<World, State> {
  table: Table<Sql, World, State>
  database: Pick<Database, 'transaction'>
  namespace: string
  fault: FaultPoint
  says(state: State): boolean
  committed(acted: readonly Acted<State>[]): void
}

/** The rim of a service that says what it decides: inbox, state and outbox in one transaction. */
export const outboxRim = <World, State>({
  database,
  namespace,
  ...rest
}: RimOptions<World, State>): Rim<Sql, World, State> => {
  const exchangeOf = (service: ServiceName) => serviceExchange(namespace, service)
  return {
    ...rest,
    transaction: database.transaction,
    insertNew,
    forget,
    append: (tx, said) =>
      append(
        tx,
        said.map(({ event, cause }) => outgoing(event, cause, exchangeOf)),
      ),
  }
}

/** The same decisions on the same tables, told to nobody: the caller of a procedure gets a reply instead. */
export const silent = <Tx, World, State>(rim: Rim<Tx, World, State>): Rim<Tx, World, State> => ({
  ...rim,
  says: () => false,
})

import type { Registry } from 'prom-client'
import type { CommandData, CommandName, ServiceName } from '../contracts/index.ts'
import type { Database, DatabaseOptions, PrismaLike, Sql } from '../database/index.ts'
import type { Route } from '../http/index.ts'
import type { FaultPoint } from '../lifecycle/index.ts'
import type { Log } from '../log/index.ts'
import type { Procedure, RpcClient } from '../rpc/index.ts'
import type { Input, Table } from '../saga/index.ts'
import type { Acted } from './act.ts'
import type { ServiceConfig } from './config.ts'
import type { ByMode } from './mode.ts'
import type { Cause } from './outgoing.ts'

/** What a service's doors and background work are made of. */
export interface Parts<Client extends PrismaLike, State> {
  config: ServiceConfig
  log: Log
  database: Database<Client>
  metrics: Registry
  fault: FaultPoint
  /** Chooses what depends on SAGA_MODE. */
  byMode<Choice>(choices: ByMode<Choice>): Choice
  /** Calls procedures of other services. */
  rpc: RpcClient
  /**
   * Decides about an input and commits, batched with what else is waiting; what is decided is said through the outbox. Returns
   * the state after it. Throws what the decision refused, and Unavailable when the database can't be had.
   */
  ask(input: Input, cause?: Cause): Promise<State>
  /** The same without saying anything: the caller of a procedure is told by the reply. */
  askSilently(input: Input): Promise<State>
  /** The same for a message that may come again: undefined when this door has handled its id before. */
  askOnce(door: CommandName, input: Input, messageId: string, cause: Cause): Promise<State | undefined>
}

/** A command queue of the default exchange. */
export interface CommandDoor<C extends CommandName = CommandName> {
  name: C
  /** What it throws as Refused goes to the dead-letter queue with its code; anything else is tried again. */
  run(data: CommandData<C>, message: { messageId: string; cause: Cause }): Promise<void>
}

/** Types the handling of a command by its contract. */
export const command = <C extends CommandName>(name: C, run: CommandDoor<C>['run']): CommandDoor => ({
  name,
  run: run as CommandDoor['run'],
})

export interface Background {
  name: string
  /** Runs until the signal aborts. Errors are its own to handle. */
  run(signal: AbortSignal): Promise<void>
}

export interface Assembly<State> {
  routes: readonly Route[]
  /** Told after each commit that changed something. */
  committed?(acted: readonly Acted<State>[]): void
  background?: readonly Background[]
  /** The procedures this service serves over RPC, and the command queues it works on; each of its contracts once. */
  procedures: readonly Procedure[]
  commands: readonly CommandDoor[]
  /** Whether what was decided about this state is said through the outbox; always, when not given. */
  says?(state: State): boolean
}

/** All that makes one service; what is common to the three is in this room. */
export interface Manifest<Client extends PrismaLike, World, State> {
  name: ServiceName
  choreography: Table<Sql, World, State>
  openDatabase(options: DatabaseOptions): Database<Client>
  assemble(parts: Parts<Client, State>): Assembly<State>
}

import type { DomainEvent, EventType } from '../contracts/index.ts'

/** What a service decides: the new state, and what happened. Nothing else changes, nothing is looked up. */
export interface Decision<State, Event = DomainEvent> {
  state: State
  events: readonly Event[]
}

/** Something a decision reacts to: an event of another service, or a command from a caller. */
export interface Input<Type extends string = string, Data = unknown> {
  type: Type
  data: Data
}

/**
 * How a service's state is fetched for a batch of inputs, seen by one decision, and kept. `load` and `save` are called
 * once per batch, inside its transaction; `read` and `write` are in memory. What a decision throws away is never written.
 */
export interface Store<Tx, World, State> {
  /** All state the inputs touch, locked in id order. */
  load(tx: Tx, inputs: readonly Input[]): Promise<World>
  read(world: World, input: Input): State
  write(world: World, state: State): void
  /** What changed since load, one statement per table. */
  save(tx: Tx, world: World): Promise<void>
}

export interface Row<State> {
  /** An event's type (bound to the service's queue) or a command's name (served at a door). */
  input: string
  source: 'event' | 'command'
  // Each row knows its own input; the table only ever hands it that one.
  decide: (state: State, input: never) => Decision<State>
  emits: readonly EventType[]
}

/**
 * When this event comes, decide and say one of these. The compiler refuses a row whose list omits an event that the
 * decision can return.
 */
export const on = <Type extends EventType, State, const Emits extends readonly EventType[]>(
  type: Type,
  decide: (state: State, event: DomainEvent<Type>) => Decision<State, DomainEvent<NoInfer<Emits>[number]>>,
  emits: Emits,
): Row<State> => ({ input: type, source: 'event', decide: decide as Row<State>['decide'], emits })

/** When a caller asks for this, decide and say one of these. Two calls, because the command's type can't be inferred. */
export const asked =
  <Command extends Input>() =>
  <State, const Emits extends readonly EventType[]>(
    type: Command['type'],
    decide: (state: State, command: Command) => Decision<State, DomainEvent<NoInfer<Emits>[number]>>,
    emits: Emits,
  ): Row<State> => ({ input: type, source: 'command', decide: decide as Row<State>['decide'], emits })

/** All that a service reacts to, with the store its decisions work on. */
export interface Table<Tx = never, World = never, State = never> {
  store: Store<Tx, World, State>
  rows: readonly Row<State>[]
}

export const table = <Tx, World, State>(
  store: Store<Tx, World, State>,
  rows: readonly Row<State>[],
): Table<Tx, World, State> => ({ store, rows })

/** The decision for an input; throws for an input the table does not list, which is a defect of the caller. */
export const decisionFor = <State>(rows: readonly Row<State>[], input: Input) => {
  const row = rows.find((it) => it.input === input.type)
  if (row === undefined) throw new Error(`no row for ${input.type} in the choreography table`)
  return row.decide as (state: State, input: Input) => Decision<State>
}

/** The events a table listens to. */
export const heard = (rows: readonly Pick<Row<never>, 'source' | 'input'>[]): EventType[] =>
  rows.filter((row) => row.source === 'event').map((row) => row.input as EventType)

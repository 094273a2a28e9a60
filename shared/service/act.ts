import type { DomainEvent } from '../contracts/index.ts'
import { isTransient, Unavailable } from '../failure/index.ts'
import type { FaultPoint } from '../lifecycle/index.ts'
import { decisionFor, type Input, type Table } from '../saga/index.ts'
import type { Cause } from './outgoing.ts'

/** One thing to react to, with where it came from. */
export interface Ask {
  input: Input
  /** The message's id, when the same message may come again: it is then reacted to once. */
  messageId?: string | undefined
  cause?: Cause | undefined
}

export type Acted<State> =
  /** Decided and committed. */
  | { kind: 'done'; state: State; events: readonly DomainEvent[] }
  /** This consumer had handled the message before; nothing changed. */
  | { kind: 'duplicate' }
  /** The decision threw; nothing of it was kept, its neighbours were. */
  | { kind: 'failed'; error: unknown }

export interface Said {
  event: DomainEvent
  cause: Cause | undefined
}

/** What a batch needs of the rooms around it. */
export interface Rim<Tx, World, State> {
  table: Table<Tx, World, State>
  transaction<R>(work: (tx: Tx) => Promise<R>): Promise<R>
  /** The ids among these that `consumer` had not handled; they are recorded as handled in this transaction. */
  insertNew(tx: Tx, consumer: string, ids: readonly string[]): Promise<ReadonlySet<string>>
  forget(tx: Tx, consumer: string, ids: readonly string[]): Promise<unknown>
  /** Keeps what was decided in the outbox, in the order given. */
  append(tx: Tx, said: readonly Said[]): Promise<unknown>
  /** Whether what was decided about this state is said at all. */
  says(state: State): boolean
  /** Called after a commit that changed something. */
  committed(acted: readonly Acted<State>[]): void
  fault: FaultPoint
}

export type Act<State> = (asks: readonly Ask[]) => Promise<Acted<State>[]>

/**
 * Reacts to a batch in one transaction: one load, one decision after another, one save, one append. An ask whose decision
 * throws is set aside alone. `door` names who asks (the inbox's consumer, and the fault points). Throws Unavailable when the
 * database can't be had: then nothing of the batch is committed, unless its connection was lost during the COMMIT, when that is not
 * known. Asks with a message id may be tried again either way: the inbox knows those that were done.
 */
export const createAct = <Tx, World, State>(rim: Rim<Tx, World, State>, door: string): Act<State> => {
  const act: Act<State> = async (asks) => {
    let acted: Acted<State>[]
    try {
      acted = await rim.transaction((tx) => reactIn(tx, rim, door, asks))
    } catch (error) {
      if (error instanceof Unavailable || isTransient(error)) throw error
      if (asks.length === 1) return [{ kind: 'failed', error }]
      // One ask spoils the batch's statements: a batch of n equals n batches of one.
      const alone: Acted<State>[] = []
      // The neighbours of one that can't be done now are committed, so it fails by itself.
      for (const ask of asks) alone.push(...(await act([ask]).catch((reason) => [failedWith<State>(reason)])))
      return alone
    }
    // Outside the try: what fails once the batch is committed must not make it happen again.
    if (acted.some(({ kind }) => kind === 'done')) rim.committed(acted)
    return acted
  }
  return act
}

const failedWith = <State>(error: unknown): Acted<State> => ({ kind: 'failed', error })

const reactIn = async <Tx, World, State>(
  tx: Tx,
  rim: Rim<Tx, World, State>,
  door: string,
  asks: readonly Ask[],
): Promise<Acted<State>[]> => {
  const { table, fault } = rim
  const pass = (point: string) => passPoint(fault, door, asks, point)
  // Asked for at once, so that they go out together; what a duplicate concerns is loaded in vain.
  const [fresh, world] = await Promise.all([
    firstTime(tx, rim, door, asks),
    table.store.load(
      tx,
      asks.map(({ input }) => input),
    ),
  ])
  if (fresh.size === 0) return asks.map(() => ({ kind: 'duplicate' }))
  await pass('afterInbox')
  const acted = asks.map(
    (ask): Acted<State> => (fresh.has(ask) ? decide(table, world, ask) : { kind: 'duplicate' }),
  )
  const failed = asks.filter((ask, index) => acted[index]?.kind === 'failed' && ask.messageId !== undefined)
  const said = acted.flatMap((it, index) =>
    it.kind === 'done' && rim.says(it.state)
      ? it.events.map((event) => ({ event, cause: asks[index]?.cause }))
      : [],
  )
  await Promise.all([
    failed.length > 0 ? rim.forget(tx, door, idsOf(failed)) : undefined,
    table.store.save(tx, world),
    said.length > 0 ? rim.append(tx, said) : undefined,
  ])
  await pass('afterOutbox')
  return acted
}

/** The asks that were not handled before; of two with the same message id only the first. */
const firstTime = async <Tx, World, State>(
  tx: Tx,
  { insertNew }: Rim<Tx, World, State>,
  door: string,
  asks: readonly Ask[],
): Promise<ReadonlySet<Ask>> => {
  const ids = idsOf(asks)
  const unseen = ids.length > 0 ? new Set(await insertNew(tx, door, ids)) : new Set<string>()
  return new Set(asks.filter(({ messageId }) => messageId === undefined || unseen.delete(messageId)))
}

const idsOf = (asks: readonly Ask[]) => asks.flatMap(({ messageId }) => messageId ?? [])

const decide = <Tx, World, State>(
  { rows, store }: Table<Tx, World, State>,
  world: World,
  { input }: Ask,
): Acted<State> => {
  try {
    const { state, events } = decisionFor(rows, input)(store.read(world, input), input)
    store.write(world, state)
    return { kind: 'done', state, events }
  } catch (error) {
    return { kind: 'failed', error }
  }
}

/** Passes a fault point once per kind of input in the batch: `<door>.<type>.<point>`. */
export const passPoint = async (fault: FaultPoint, door: string, asks: readonly Ask[], point: string) => {
  for (const type of new Set(asks.map(({ input }) => input.type))) await fault(`${door}.${type}.${point}`)
}

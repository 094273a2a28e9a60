import { randomUUID } from 'node:crypto'
import type { DomainEvent } from '../contracts/index.ts'
import { describe, isTooMuch, isTransient, Unavailable } from '../failure/index.ts'
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
 * known. Asks with a message id may be tried again either way: the inbox knows those that were done. One of these that is too much for
 * the database alone, while it takes other work, has failed.
 */
export const createAct = <Tx, World, State>(rim: Rim<Tx, World, State>, door: string): Act<State> => {
  const act: Act<State> = async (asks) => {
    let acted: Acted<State>[]
    try {
      acted = await rim.transaction((tx) => reactIn(tx, rim, door, asks))
    } catch (error) {
      // Who asks without a message id waits for the answer: there is no time to try each alone.
      const mayBeOne = isTooMuch(error) && asks.every(({ messageId }) => messageId !== undefined)
      if (!mayBeOne && (error instanceof Unavailable || isTransient(error))) throw error
      if (asks.length === 1) {
        if (!mayBeOne) return [failedWith(error)]
        if (await takesOthers(rim, door)) return [failedWith(tooMuch(error))]
        throw error
      }
      // One ask spoils the batch's statements: a batch of n equals n batches of one.
      const alone: Acted<State>[] = []
      for (const ask of asks) {
        const one = await act([ask]).catch((reason) => {
          if (alone.length === 0) throw reason
          // Its neighbours are committed, so one that can't be done now fails by itself.
          return [failedWith<State>(reason)]
        })
        alone.push(...one)
      }
      return alone
    }
    // Outside the try: what fails once the batch is committed must not make it happen again.
    if (acted.some(({ kind }) => kind === 'done')) rim.committed(acted)
    return acted
  }
  return act
}

const failedWith = <State>(error: unknown): Acted<State> => ({ kind: 'failed', error })

/** Without its cause, which would read as an outage to wait for. */
const tooMuch = (error: unknown) => {
  const why = error instanceof Unavailable ? (error.cause ?? error) : error
  return new Error(`too much for one statement, while the database takes others: ${describe(why)}`)
}

/** Whether the database takes a little of what every ask does; nothing of it stays. */
const takesOthers = <Tx, World, State>(rim: Rim<Tx, World, State>, door: string): Promise<boolean> => {
  const ids = [randomUUID()]
  const trial = rim.transaction(async (tx) => {
    await rim.insertNew(tx, door, ids)
    await rim.forget(tx, door, ids)
  })
  return trial.then(
    () => true,
    () => false,
  )
}

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

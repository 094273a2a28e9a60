import type { DomainEvent } from '../contracts/index.ts'
import { Refused } from '../failure/index.ts'
import { asked, type Decision, type Input, table } from '../saga/index.ts'
import type { Ask } from './act.ts'

/** A service as small as one can be: it counts per order, and says each new count. For tests of the rim. */
export interface Counter {
  orderId: string
  n: number
}
export interface Bump extends Input<'Bump'> {
  data: { orderId: string; by: number }
}

const userId = '01900000-0000-7000-8000-0000000000ff'
/** A count as large as this is kept by no store: it spoils the statement that writes it. */
export const tooMany = 1_000_000

export const order = (n: number) => `01900000-0000-7000-8000-${String(n).padStart(12, '0')}`
export const messageId = (n: number) => `01900000-0000-7000-9000-${String(n).padStart(12, '0')}`

export const bumped = (orderId: string, n: number): DomainEvent<'OrderSucceeded'> => ({
  type: 'OrderSucceeded',
  data: { orderId, userId, total: n },
})

/** Adds; refuses to take away, and breaks at nothing. */
const bump = (state: Counter, { data: { by } }: Bump): Decision<Counter, DomainEvent<'OrderSucceeded'>> => {
  if (by < 0) throw new Refused('invalid', 'only upwards', { code: 'counter.down' })
  if (by === 0) throw new TypeError('a defect in the decision')
  const n = state.n + by
  return { state: { ...state, n }, events: [bumped(state.orderId, n)] }
}

export const ask = (orderId: string, by: number, id?: string): Ask => ({
  input: { type: 'Bump', data: { orderId, by } },
  messageId: id,
  cause: id === undefined ? undefined : { id },
})

export interface CounterRows<Tx> {
  select(tx: Tx, ids: readonly string[]): Promise<readonly Counter[]>
  upsert(tx: Tx, counters: readonly Counter[]): Promise<unknown>
}

export interface CounterWorld {
  counters: Map<string, Counter>
  changed: Set<string>
}
const idOf = ({ data }: Input) => (data as Bump['data']).orderId

export const counters = <Tx>({ select, upsert }: CounterRows<Tx>) =>
  table<Tx, CounterWorld, Counter>(
    {
      async load(tx, inputs) {
        const rows = await select(tx, [...new Set(inputs.map(idOf))])
        return { counters: new Map(rows.map((row) => [row.orderId, row])), changed: new Set() }
      },
      read: (world, input) => world.counters.get(idOf(input)) ?? { orderId: idOf(input), n: 0 },
      write(world, counter) {
        world.counters.set(counter.orderId, counter)
        world.changed.add(counter.orderId)
      },
      async save(tx, world) {
        const changed = [...world.changed].map((id) => world.counters.get(id) as Counter)
        if (changed.length > 0) await upsert(tx, changed)
      },
    },
    [asked<Bump>()('Bump', bump, ['OrderSucceeded'])],
  )

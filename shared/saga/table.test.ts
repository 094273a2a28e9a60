import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { DomainEvent } from '../contracts/index.ts'
import { asked, type Decision, decisionFor, heard, type Input, on, type Store, table } from './index.ts'

interface State {
  seen: readonly string[]
}
type Says<Type extends DomainEvent['type']> = Decision<State, DomainEvent<Type>>

const reserve = (state: State, { data }: DomainEvent<'OrderPlaced'>): Says<'StockRejected'> => ({
  state: { seen: [...state.seen, data.orderId] },
  events: [{ type: 'StockRejected', data: { orderId: data.orderId, reason: 'out_of_stock' } }],
})
const either = (state: State): Says<'StockReserved' | 'StockRejected'> => ({ state, events: [] })
const silent = (state: State): Says<never> => ({ state, events: [] })

interface Tidy extends Input<'Tidy'> {
  data: { orderId: string }
}
const tidy = (state: State, _: Tidy): Says<'OrderFailed'> => ({ state, events: [] })

const store: Store<never, State, State> = {
  load: async () => ({ seen: [] }),
  read: (world) => world,
  write() {},
  async save() {},
}

test('a row says what it hears, how it is heard, and what may come of it', () => {
  const { rows } = table(store, [
    on('OrderPlaced', reserve, ['StockRejected']),
    on('OrderFailed', silent, []),
    asked<Tidy>()('Tidy', tidy, ['OrderFailed']),
  ])
  assert.equal(
    rows.map(({ input, source, emits }) => [input, source, emits]),
    [
      ['OrderPlaced', 'event', ['StockRejected']],
      ['OrderFailed', 'event', []],
      ['Tidy', 'command', ['OrderFailed']],
    ],
  )
  assert.equal(heard(rows), ['OrderPlaced', 'OrderFailed'])
})

test('an input is decided about by its own row, and an input without a row is a defect', () => {
  const { rows } = table(store, [on('OrderPlaced', reserve, ['StockRejected'])])
  const placed = { type: 'OrderPlaced', data: { orderId: 'o', userId: 'u', items: [] } }
  assert.equal(decisionFor(rows, placed)({ seen: [] }, placed), {
    state: { seen: ['o'] },
    events: [{ type: 'StockRejected', data: { orderId: 'o', reason: 'out_of_stock' } }],
  })
  assert.throws(() => decisionFor(rows, { type: 'OrderFailed', data: {} }), /no row for OrderFailed/)
})

/** Never run: these are checked by the compiler, which fails where an expected error is missing. */
export const whatTheCompilerRefuses = () => [
  on('OrderPlaced', either, ['StockReserved', 'StockRejected']),
  // A list may promise more than a decision says today.
  on('OrderPlaced', reserve, ['StockReserved', 'StockRejected']),
  // @ts-expect-error the list omits StockRejected, which the decision can return
  on('OrderPlaced', either, ['StockReserved']),
  // @ts-expect-error the list is empty
  on('OrderPlaced', reserve, []),
  // @ts-expect-error there is no such event to listen to
  on('OrderVanished', silent, []),
  // @ts-expect-error there is no such event to say
  on('OrderPlaced', silent, ['StockVanished']),
  // @ts-expect-error the decision is about another event
  on('OrderFailed', reserve, ['StockRejected']),
  asked<Tidy>()('Tidy', tidy, ['OrderFailed']),
  // @ts-expect-error the list omits OrderFailed
  asked<Tidy>()('Tidy', tidy, ['OrderSucceeded']),
  // @ts-expect-error the command has another name
  asked<Tidy>()('Untidy', tidy, ['OrderFailed']),
]

test.run()

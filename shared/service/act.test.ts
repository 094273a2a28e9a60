import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { isTransient, Refused, Unavailable } from '../failure/index.ts'
import { type Acted, type Ask, createAct, type Rim, type Said } from './act.ts'
import {
  ask,
  bumped,
  type Counter,
  type CounterWorld,
  counters,
  messageId,
  order,
  tooMany,
} from './testing.ts'

interface Memory {
  counters: Record<string, number>
  inbox: Set<string>
  outbox: Said[]
}

const table = counters<Memory>({
  select: async (tx, ids) =>
    ids.flatMap((orderId) => {
      const n = tx.counters[orderId]
      return n === undefined ? [] : [{ orderId, n }]
    }),
  upsert: async (tx, rows) => {
    if (rows.some(({ n }) => n >= tooMany)) throw new Error('the statement is spoilt')
    for (const { orderId, n } of rows) tx.counters[orderId] = n
  },
})

type MemoryRim = Rim<Memory, CounterWorld, Counter>

/** A rim whose database is in memory: a transaction works on a copy, which replaces the whole at its commit. */
const inMemory = (changes: Partial<MemoryRim> = {}) => {
  const kept: { now: Memory } = { now: { counters: {}, inbox: new Set(), outbox: [] } }
  const told: (readonly Acted<Counter>[])[] = []
  const passed: string[] = []
  let transactions = 0
  const rim: MemoryRim = {
    table,
    async transaction<R>(work: (tx: Memory) => Promise<R>) {
      transactions += 1
      const copy = structuredClone(kept.now)
      const result = await work(copy)
      kept.now = copy
      return result
    },
    async insertNew(tx, consumer, ids) {
      const fresh = new Set(ids.filter((id) => !tx.inbox.has(`${consumer} ${id}`)))
      for (const id of fresh) tx.inbox.add(`${consumer} ${id}`)
      return fresh
    },
    async forget(tx, consumer, ids) {
      for (const id of ids) tx.inbox.delete(`${consumer} ${id}`)
    },
    async append(tx, said) {
      tx.outbox.push(...said)
    },
    says: () => true,
    committed: (acted) => void told.push(acted),
    fault: async (point) => void passed.push(point),
    ...changes,
  }
  const act = createAct(rim, 'door')
  return { act, kept, told, passed, transactions: () => transactions }
}

const kinds = (acted: readonly Acted<unknown>[]) => acted.map(({ kind }) => kind)
const events = ({ outbox }: Memory) => outbox.map(({ event }) => event)
const [a, b] = [order(1), order(2)]

test('a batch is decided one after another, kept and said in order, with what caused it, in one transaction', async () => {
  const { act, kept, told, transactions } = inMemory()
  const asks = [ask(a, 1, messageId(1)), ask(b, 5), ask(a, 2, messageId(2))]
  const acted = await act(asks)
  assert.equal(acted, [
    { kind: 'done', state: { orderId: a, n: 1 }, events: [bumped(a, 1)] },
    { kind: 'done', state: { orderId: b, n: 5 }, events: [bumped(b, 5)] },
    { kind: 'done', state: { orderId: a, n: 3 }, events: [bumped(a, 3)] },
  ])
  assert.equal(kept.now.counters, { [a]: 3, [b]: 5 })
  assert.equal(kept.now.outbox, [
    { event: bumped(a, 1), cause: { id: messageId(1) } },
    { event: bumped(b, 5), cause: undefined },
    { event: bumped(a, 3), cause: { id: messageId(2) } },
  ])
  assert.equal([...kept.now.inbox], [`door ${messageId(1)}`, `door ${messageId(2)}`])
  assert.is(transactions(), 1)
  assert.equal(told, [acted])
})

test('an ask whose decision throws is set aside alone: no state, no event, no inbox row', async () => {
  const { act, kept, transactions } = inMemory()
  const acted = await act([
    ask(a, 1, messageId(1)),
    ask(a, -1, messageId(2)),
    ask(a, 0, messageId(3)),
    ask(a, 2, messageId(4)),
  ])
  assert.equal(kinds(acted), ['done', 'failed', 'failed', 'done'])
  const errors = acted.flatMap((it) => (it.kind === 'failed' ? [it.error] : []))
  assert.ok(errors[0] instanceof Refused && errors[1] instanceof TypeError)
  assert.equal(kept.now.counters, { [a]: 3 })
  assert.equal(events(kept.now), [bumped(a, 1), bumped(a, 3)])
  assert.equal([...kept.now.inbox], [`door ${messageId(1)}`, `door ${messageId(4)}`])
  assert.is(transactions(), 1)
})

test('an input without a row is set aside like any other defect', async () => {
  const { act } = inMemory()
  const acted = await act([{ input: { type: 'Unknown', data: { orderId: a } } }, ask(a, 1)])
  assert.equal(kinds(acted), ['failed', 'done'])
})

test('a message is reacted to once, inside a batch and over batches; one without an id each time', async () => {
  const { act, kept, told } = inMemory()
  const once = () => ask(a, 1, messageId(1))
  const acted = await act([once(), ask(b, 1), once(), once()])
  assert.equal(kinds(acted), ['done', 'done', 'duplicate', 'duplicate'])
  assert.equal(kinds(await act([once()])), ['duplicate'])
  assert.is(told.length, 1, 'a batch that changed nothing is no news')
  assert.equal(kinds(await act([once(), ask(b, 1)])), ['duplicate', 'done'])
  assert.equal(kept.now.counters, { [a]: 1, [b]: 2 })
  assert.is(kept.now.outbox.length, 3)
})

test('what was set aside may come again', async () => {
  const { act, kept } = inMemory()
  assert.equal(kinds(await act([ask(a, -1, messageId(1))])), ['failed'])
  assert.equal(kinds(await act([ask(a, 4, messageId(1))])), ['done'])
  assert.equal(kept.now.counters, { [a]: 4 })
})

test('an ask that spoils the statement of its batch fails alone', async () => {
  const { act, kept } = inMemory()
  const asks = [ask(a, 1, messageId(1)), ask(b, tooMany, messageId(2)), ask(a, 2, messageId(3))]
  const acted = await act(asks)
  assert.equal(kinds(acted), ['done', 'failed', 'done'])
  assert.equal(kept.now.counters, { [a]: 3 })
  assert.equal(events(kept.now), [bumped(a, 1), bumped(a, 3)])
  assert.equal([...kept.now.inbox], [`door ${messageId(1)}`, `door ${messageId(3)}`])
})

test('a database that can not be had: it throws, and nothing of the batch happened', async () => {
  const conflict = Object.assign(new Error('deadlock detected'), { code: '40P01' })
  for (const error of [new Unavailable('away', { code: 'database.unavailable' }), conflict]) {
    let away = true
    const { act, kept, told } = inMemory({
      append: async () => {
        if (away) throw error
      },
    })
    const asks = [ask(a, 1, messageId(1)), ask(b, 1, messageId(2))]
    const thrown = await act(asks).catch((it: unknown) => it)
    assert.is(thrown, error)
    assert.equal([kept.now.counters, kept.now.inbox.size, told.length], [{}, 0, 0])
    away = false
    assert.equal(kinds(await act(asks)), ['done', 'done'])
  }
})

const refusing = (code: string) => Object.assign(new Error('canceling statement'), { code })
/** As the database room throws it. */
const wrapped = (cause: Error) =>
  new Unavailable('The database did not answer in time.', { code: 'database.unavailable', cause })

test('an ask that is too much for the database fails alone, and not as an outage to wait for', async () => {
  for (const error of [refusing('57014'), wrapped(refusing('57014')), wrapped(refusing('53200'))]) {
    const { act, kept } = inMemory({
      append: async (tx, said) => {
        if (said.some(({ event }) => event.data.orderId === b)) throw error
        tx.outbox.push(...said)
      },
    })
    const asks = [ask(a, 1, messageId(1)), ask(b, 1, messageId(2)), ask(a, 2, messageId(3))]
    const acted = await act(asks)
    assert.equal(kinds(acted), ['done', 'failed', 'done'])
    assert.equal(kinds(await act([ask(b, 1, messageId(2))])), ['failed'], 'also when nobody is beside it')
    assert.equal(kept.now.counters, { [a]: 3 })
    assert.equal([...kept.now.inbox], [`door ${messageId(1)}`, `door ${messageId(3)}`])
    for (const it of acted) assert.not(it.kind === 'failed' && isTransient(it.error))
  }
})

test('a database that is too slow for anything is waited for; who waits for an answer is told at once', async () => {
  const error = wrapped(refusing('57014'))
  let transactions = 0
  const slow = inMemory({
    async transaction() {
      transactions += 1
      throw error
    },
  })
  const thrown = await slow.act([1, 2, 3].map((n) => ask(a, 1, messageId(n)))).catch((it: unknown) => it)
  assert.is(thrown, error)
  assert.is(transactions, 3, 'the batch, the first alone, and the trial')
  const { act, kept } = inMemory({
    append: async () => {
      throw error
    },
  })
  assert.is(await act([ask(a, 1), ask(b, 1)]).catch((it: unknown) => it), error)
  assert.equal(kept.now.counters, {})
})

test('what fails after the commit does not make the batch happen again', async () => {
  const { act, kept } = inMemory({
    committed: () => {
      throw new Error('a listener is broken')
    },
  })
  const thrown = await act([ask(a, 1), ask(b, 1)]).catch((error: Error) => error.message)
  assert.is(thrown, 'a listener is broken')
  assert.equal(kept.now.counters, { [a]: 1, [b]: 1 })
})

test('what is not to be said is kept all the same', async () => {
  const { act, kept } = inMemory({ says: ({ orderId }) => orderId === b })
  await act([ask(a, 1), ask(b, 1)])
  assert.equal(kept.now.counters, { [a]: 1, [b]: 1 })
  assert.equal(events(kept.now), [bumped(b, 1)])
})

test('a batch passes its fault points once per kind of input; a fault undoes it', async () => {
  const { act, passed } = inMemory()
  await act([ask(a, 1, messageId(1)), ask(b, 1, messageId(2))])
  assert.equal(passed, ['door.Bump.afterInbox', 'door.Bump.afterOutbox'])
  for (const point of passed) {
    const faulty = inMemory({
      fault: async (name) => {
        if (name === point) throw new Error('fault planned')
      },
    })
    assert.equal(kinds(await faulty.act([ask(a, 1, messageId(1))])), ['failed'])
    assert.equal([faulty.kept.now.counters, faulty.kept.now.inbox.size], [{}, 0], point)
  }
})

test('a batch of n equals n batches of one: with refusals, defects, repeats and spoilt statements', async () => {
  const asks = fc.array(
    fc.record({
      order: fc.integer({ min: 1, max: 3 }),
      by: fc.constantFrom(-1, 0, 1, 4, 6, tooMany),
      id: fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined }),
    }),
    { maxLength: 12 },
  )
  const run = async (history: readonly Ask[], size: number) => {
    const { act, kept } = inMemory()
    for (let from = 0; from < history.length; from += size) await act(history.slice(from, from + size))
    return { said: events(kept.now), counters: kept.now.counters, inbox: [...kept.now.inbox] }
  }
  await fc.assert(
    fc.asyncProperty(asks, fc.integer({ min: 1, max: 12 }), async (steps, size) => {
      // The same message id means the same message.
      const messages = new Map<number, Ask>()
      const history = steps.map((step) => {
        const { id } = step
        const fresh = ask(order(step.order), step.by, id === undefined ? undefined : messageId(id))
        const before = id === undefined ? undefined : messages.get(id)
        if (id !== undefined && before === undefined) messages.set(id, fresh)
        return { ...(before ?? fresh) }
      })
      const alone = await run(history, 1)
      const together = await run(history, size)
      assert.equal(together, alone)
    }),
    { numRuns: 200 },
  )
})

test.run()

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { choreography as order } from '../services/order/choreography.ts'
import { choreography as product } from '../services/product/choreography.ts'
import { choreography as user } from '../services/user/choreography.ts'
import { type EventType, events, eventTypes, services } from '../shared/contracts/index.ts'
import { bindingsOf, listenersOf, problemsOf, reactionsOf, type System } from '../shared/saga/index.ts'
import { topologyFor } from '../shared/service/index.ts'

const system: System = { order, product, user }

/** The events as the design lists them: by whom, routing key, and what each listener may answer. */
const written: Record<EventType, [by: string, routingKey: string, reactions: Record<string, EventType[]>]> = {
  OrderPlaced: ['order', 'order.create', { product: ['StockReserved', 'StockRejected'] }],
  StockReserved: ['product', 'user.check', { user: ['BalanceDebited', 'BalanceRejected'] }],
  StockRejected: ['product', 'update.stock', { order: ['OrderFailed'] }],
  BalanceDebited: ['user', 'update.balance', { order: ['OrderSucceeded'] }],
  BalanceRejected: ['user', 'update.balance', { order: ['OrderFailed'] }],
  OrderSucceeded: ['order', 'update.order', {}],
  OrderFailed: ['order', 'update.cancel', { product: ['StockReleased'], user: ['BalanceRefunded'] }],
  StockReleased: ['product', 'update.stock', {}],
  BalanceRefunded: ['user', 'update.balance', {}],
}

test('the three tables make one choreography: every event is heard or final, every path ends', () => {
  assert.equal(problemsOf(system), [])
})

test('the contracts and the tables say what the design says', () => {
  assert.equal([...eventTypes].sort(), Object.keys(written).sort())
  const reactions = reactionsOf(system)
  for (const type of eventTypes) {
    const answers = reactions.filter(({ input }) => input === type)
    const actual = [
      events[type].by,
      events[type].routingKey,
      Object.fromEntries(answers.map(({ service, emits }) => [service, emits])),
    ]
    assert.equal(actual, written[type], type)
  }
})

test('an event is final exactly when nobody listens', () => {
  for (const type of eventTypes)
    assert.is(events[type].final, listenersOf(system, type).length === 0, `${type}: final`)
})

test('the queues bind what the design lists, and the topology declares just that', () => {
  const bindings = {
    order: ['update.stock', 'update.balance'],
    product: ['order.create', 'update.cancel'],
    user: ['user.check', 'update.cancel'],
  }
  for (const service of services) {
    assert.equal(bindingsOf(system[service].rows), bindings[service])
    const topology = topologyFor(service, system[service].rows, { namespace: '', retryDelaysMs: [1] })
    const bound = topology.bindings.filter(({ queue }) => queue === `${service}.events`)
    const keys = [...new Set(bound.map(({ key }) => key))]
    assert.equal(keys.sort(), [...bindings[service]].sort())
  }
})

test('every order ends in one of its two statuses: each path of events leads to a final one', () => {
  const reactions = reactionsOf(system)
  const endsOf = (type: EventType): EventType[] => {
    const next = reactions.filter(({ input }) => input === type).flatMap(({ emits }) => emits)
    return next.length === 0 ? [type] : next.flatMap(endsOf)
  }
  assert.equal([...new Set(endsOf('OrderPlaced'))].sort(), [
    'BalanceRefunded',
    'OrderSucceeded',
    'StockReleased',
  ])
})

test.run()

import { type EventType, events, type ServiceName } from '../../shared/contracts/index.ts'
import type { OrderCase, OrderFacts } from './facts.ts'
import type { Find, Finding } from './finding.ts'
import type { Limits, Unanswered } from './verdict.ts'

/** How often a state lets an event be said. */
interface Wanted {
  type: EventType
  least: 0 | 1
  most: 0 | 1
  state: string
}

/**
 * State changes against outbox rows, both ways: I6. Orders in RPC mode are coordinated without an outbox, and of an order older
 * than the outbox's retention the rows are pruned: there only what is too much is wrong.
 */
export const judgeOutboxes = (
  facts: OrderCase,
  ending: NonNullable<OrderFacts['status']>,
  { retentionMs }: Limits,
  find: Find,
  amountsAgree: boolean,
): { findings: Finding[]; unanswered: Unanswered[] } => {
  const { id, order } = facts
  const complete = order?.mode === 'choreography' && (order.createdAgeMs ?? 0) < retentionMs
  const said = saidIn(facts)
  const findings = wantedOf(facts, ending).flatMap((wanted) => {
    const times = said.get(wanted.type) ?? 0
    const finding = (code: 'outbox.missing' | 'outbox.doubled' | 'outbox.unfounded', what: string) => [
      find(code, events[wanted.type].by, { orderId: id }, what),
    ]
    if (complete && times < wanted.least)
      return finding('outbox.missing', `${wanted.state}, and its outbox has no ${wanted.type}.`)
    if (times <= wanted.most) return []
    return wanted.most === 0
      ? finding('outbox.unfounded', `${wanted.state}, and its outbox says ${wanted.type}.`)
      : finding('outbox.doubled', `${wanted.state} once, and its outbox says ${wanted.type} ${times} times.`)
  })
  return {
    findings: findings.length === 0 && amountsAgree ? judgeContents(facts, find) : findings,
    unanswered: complete ? unansweredOf(facts, said, find) : [],
  }
}

const saidIn = ({ order, stock, money }: OrderCase): ReadonlyMap<string, number> => {
  const times = new Map<string, number>()
  for (const facts of [order, stock, money]) {
    if (facts?.said == null) continue
    for (const type of facts.said.split(',')) times.set(type, (times.get(type) ?? 0) + 1)
  }
  return times
}

const exactly = (type: EventType, holds: boolean, state: string): Wanted => ({
  type,
  least: holds ? 1 : 0,
  most: holds ? 1 : 0,
  state,
})
const atMost = (type: EventType, holds: boolean, state: string): Wanted => ({
  type,
  least: 0,
  most: holds ? 1 : 0,
  state,
})

/** Which state says which event: the outcomes of the decisions in services/<service>/domain.ts. */
const wantedOf = ({ stock, money }: OrderCase, ending: OrderFacts['status']): Wanted[] => {
  const orderIs = `The order is ${ending}`
  const reservation = `The reservation is ${stock?.status ?? 'missing'}`
  const payment = `The payment is ${money?.status ?? 'missing'}`
  const reserved = stock?.status === 'RESERVED' || stock?.status === 'RELEASED'
  const debited = money?.status === 'DEBITED' || money?.status === 'REFUNDED'
  return [
    exactly('OrderPlaced', true, orderIs),
    exactly('OrderSucceeded', ending === 'SUCCESS', orderIs),
    exactly('OrderFailed', ending === 'FAILED', orderIs),
    exactly('StockReserved', reserved, reservation),
    exactly('StockReleased', stock?.status === 'RELEASED', reservation),
    // A refusal by an early OrderFailed says nothing until its cause comes: see unansweredOf.
    atMost('StockRejected', stock?.status === 'REJECTED', reservation),
    exactly('BalanceDebited', debited, payment),
    exactly('BalanceRefunded', money?.status === 'REFUNDED', payment),
    atMost('BalanceRejected', money?.status === 'REJECTED', payment),
  ]
}

const judgeContents = ({ id, order, stock, money }: OrderCase, find: Find): Finding[] => {
  const compare = (service: ServiceName, type: EventType, state: string | null, event: string | null) =>
    event === null || state === null || event === state
      ? []
      : [
          find(
            'outbox.wrong_content',
            service,
            { orderId: id },
            `${type} says ${event}, and it was ${state}.`,
          ),
        ]
  return [
    ...(order === undefined ? [] : compare('order', 'OrderSucceeded', order.total, order.saidAmount)),
    ...(stock === undefined ? [] : compare('product', 'StockReserved', stock.total, stock.saidAmount)),
    ...(money === undefined ? [] : compare('user', 'BalanceDebited', money.amount, money.saidAmount)),
  ]
}

/** Causes without an answer. Nothing is wrong while they are on their way; it is once their listener has handled them. */
const unansweredOf = (
  { id, stock, money }: OrderCase,
  said: ReadonlyMap<string, number>,
  find: Find,
): Unanswered[] => {
  const open = (
    cause: EventType,
    service: ServiceName,
    status: string | null | undefined,
    answers: readonly EventType[],
  ): Unanswered[] => {
    if (!said.has(cause) || answers.some((type) => said.has(type))) return []
    // RESERVED without StockReserved is found without asking whether the cause was handled.
    if (status != null && status !== 'REJECTED') return []
    const finding =
      status === 'REJECTED'
        ? find(
            'outbox.missing',
            service,
            { orderId: id },
            `${cause} was handled and REJECTED, and the outbox has no ${answers[1]}.`,
          )
        : find(
            'event.unanswered',
            service,
            { orderId: id },
            `${cause} was handled, and there is neither a row nor an answer.`,
          )
    return [{ orderId: id, cause, finding }]
  }
  return [
    ...open('OrderPlaced', 'product', stock?.status, ['StockReserved', 'StockRejected']),
    ...open('StockReserved', 'user', money?.status, ['BalanceDebited', 'BalanceRejected']),
  ]
}

import type { OrderCase } from './facts.ts'
import type { Find, Finding } from './finding.ts'
import { judgeMoney } from './judge-money.ts'
import { endingOf, judgeOrder } from './judge-order.ts'
import { judgeOutboxes } from './judge-outboxes.ts'
import { judgeStock } from './judge-stock.ts'
import type { Limits, Verdict } from './verdict.ts'

/**
 * Everything that is wrong with one order, as far as its rows tell. Pure. One cause is reported once: what follows from a
 * finding is not a finding of its own.
 */
export const judge = (facts: OrderCase, limits: Limits, find: Find): Verdict => {
  const { order } = facts
  if (order?.status == null) {
    return { findings: judgeUnknown(facts, limits, find), unanswered: [], settled: undefined }
  }
  const ending = endingOf(order)
  const settled = ending !== 'PROCESSING' && (order.settledAgeMs ?? 0) > limits.graceMs ? ending : undefined
  const own = judgeOrder(facts, limits, find)
  const stock = judgeStock(facts, settled, find)
  const money = judgeMoney(facts, settled, find)
  const outboxes = judgeOutboxes(facts, ending, limits, find, stock.length + money.length === 0)
  return {
    findings: [...own, ...stock, ...money, ...outboxes.findings],
    unanswered: outboxes.unanswered,
    settled,
  }
}

/** The order service never heard of it. A refusal holds nothing and may stay. */
const judgeUnknown = ({ id, order, stock, money }: OrderCase, { graceMs }: Limits, find: Find): Finding[] => {
  const ages = [order?.ageMs, stock?.ageMs, money?.ageMs].flatMap((age) => age ?? [])
  if (Math.min(...ages) <= graceMs) return []
  const effects = [
    ...(stock !== undefined && stock.netPieces !== '0' ? [`product reserved ${stock.netPieces} pieces`] : []),
    ...(stock?.status != null && stock.status !== 'REJECTED' && stock.netPieces === '0'
      ? [`product has it as ${stock.status}`]
      : []),
    ...(money !== undefined && money.net !== '0' ? [`user debited ${money.net}`] : []),
    ...(money?.status != null && money.status !== 'REJECTED' && money.net === '0'
      ? [`user has it as ${money.status}`]
      : []),
    ...[order, stock, money].flatMap((facts) =>
      facts?.said == null ? [] : [`an outbox says ${facts.said}`],
    ),
  ]
  if (effects.length === 0) return []
  return [
    find('order.missing', 'order', { orderId: id }, `There is no such order, yet ${effects.join(', ')}.`),
  ]
}

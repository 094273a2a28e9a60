import { reasons } from '../../shared/contracts/index.ts'
import type { OrderCase, OrderFacts } from './facts.ts'
import type { Find, Finding } from './finding.ts'
import type { Limits } from './verdict.ts'

type Status = NonNullable<OrderFacts['status']>

const endings = (path: string | null): Status[] =>
  (path?.split('>') ?? []).filter((it): it is 'SUCCESS' | 'FAILED' => it === 'SUCCESS' || it === 'FAILED')

/**
 * How the order really ended: as its outbox says, else as the trigger wrote down, else as the row says. A status that was
 * changed by hand is one finding, and everything else is judged by what the status was.
 */
export const endingOf = ({ status, said, history }: OrderFacts): Status => {
  const types = said?.split(',') ?? []
  const succeeded = types.includes('OrderSucceeded')
  if (succeeded !== types.includes('OrderFailed')) return succeeded ? 'SUCCESS' : 'FAILED'
  const written = endings(history)
  return (written.length === 1 ? written[0] : undefined) ?? status ?? 'PROCESSING'
}

/** The order's own row, its lines and its history: I5, I8, and that it has lines at all. */
export const judgeOrder = ({ id, order }: OrderCase, limits: Limits, find: Find): Finding[] => {
  if (order?.status == null) return []
  const own = (code: Parameters<Find>[0], what: string) => find(code, 'order', { orderId: id }, what)
  const history = judgeHistory(order, own)
  const waited = order.createdAgeMs ?? 0
  const allowed = limits.deadlineMs + limits.graceMs
  return [
    ...(order.lines === 0 ? [own('order.no_lines', `The order is ${order.status} and has no lines.`)] : []),
    ...history,
    ...(history.length === 0 && order.status === 'PROCESSING' && waited > allowed
      ? [own('order.stuck', `PROCESSING for ${seconds(waited)} s, ${seconds(allowed)} s are allowed.`)]
      : []),
  ]
}

const seconds = (ms: number) => Math.round(ms / 1_000)

const judgeHistory = (
  order: OrderFacts,
  own: (
    code: 'order.two_endings' | 'order.history_mismatch' | 'order.reason_mismatch',
    what: string,
  ) => Finding,
): Finding[] => {
  const { status, reason, history, lastReason } = order
  const written = history ?? 'nothing'
  if (endings(history).length > 1) return [own('order.two_endings', `The history says ${written}.`)]
  const expected = status === 'PROCESSING' ? 'PROCESSING' : `PROCESSING>${status}`
  if (history !== expected)
    return [own('order.history_mismatch', `The order is ${status}, its history says ${written}.`)]
  const known = reasons.some((it) => it === reason)
  if (status === 'FAILED' ? !known : reason !== null)
    return [own('order.reason_mismatch', `The order is ${status} with the reason ${reason ?? 'missing'}.`)]
  if (reason !== lastReason)
    return [
      own(
        'order.history_mismatch',
        `The order is ${status} (${reason}), its history says ${status} (${lastReason ?? 'no reason'}).`,
      ),
    ]
  return []
}

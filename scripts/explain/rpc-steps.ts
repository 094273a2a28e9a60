import type { ServiceName } from '../../shared/contracts/index.ts'
import type { OrderRows } from './rows.ts'

/** Something a service wrote down for an order without saying it: what there is of an order placed by RPC. */
export interface RpcStep {
  at: Date
  service: ServiceName
  what: string
  detail: string
  /** Since the step before; the first one since the order's row. */
  ms: number
}

/** What the tables hold of an order in RPC mode, in time order; the hops add up to the whole. */
export const rpcSteps = ({
  order,
  history,
  movements,
  ledger,
  reservation,
  payment,
}: OrderRows): RpcStep[] => {
  const step = (at: Date, service: ServiceName, what: string, detail = '') => ({ at, service, what, detail })
  const money = (minor: number) => (minor / 100).toFixed(2)
  const rejected = (
    [
      ['product', reservation],
      ['user', payment],
    ] as const
  ).flatMap(([service, state]) =>
    state?.status === 'REJECTED' ? [step(state.createdAt, service, 'refused', state.reason ?? '')] : [],
  )
  const wrote = [
    ...history.map(({ at, status, reason }) => step(at, 'order', status, reason ?? '')),
    ...movements.map(({ at, kind, lines }) =>
      step(
        at,
        'product',
        kind === 'RESERVE' ? 'reserved' : 'released',
        `${lines} ${lines === 1 ? 'line' : 'lines'}`,
      ),
    ),
    ...ledger.map(({ at, kind, amount }) =>
      step(at, 'user', kind === 'DEBIT' ? 'debited' : 'refunded', money(amount)),
    ),
    ...rejected,
  ].sort((a, b) => a.at.getTime() - b.at.getTime())
  let before = order.createdAt.getTime()
  return wrote.map((it) => {
    const ms = it.at.getTime() - before
    before = it.at.getTime()
    return { ...it, ms }
  })
}

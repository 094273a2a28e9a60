import type { LedgerRow, MovementRow, OrderRow, Snapshot } from './snapshot.ts'

const sum = <Row>(rows: readonly Row[], of: (row: Row) => number): number =>
  rows.reduce((total, row) => total + of(row), 0)

export const groupBy = <Row>(rows: readonly Row[], key: (row: Row) => string): Map<string, Row[]> => {
  const groups = new Map<string, Row[]>()
  for (const row of rows) {
    const group = groups.get(key(row))
    if (group === undefined) groups.set(key(row), [row])
    else group.push(row)
  }
  return groups
}

/** Balances and stock follow from what was written down; nothing was done twice for an order, or undone without having been done. */
export const booksBalance = ({ product, user }: Snapshot): string[] => {
  const problems: string[] = []
  const expect = (holds: boolean, problem: string) => holds || problems.push(problem)

  const byUser = groupBy(user.ledger, (entry) => entry.user_id)
  for (const { id, balance, opening } of user.users) {
    const moved = sum(byUser.get(id) ?? [], ({ kind, amount }) => (kind === 'DEBIT' ? -amount : amount))
    expect(balance === opening + moved, `I1 user ${id}: balance ${balance}, ledger says ${opening + moved}`)
    expect(balance >= 0, `I1 user ${id}: balance ${balance}`)
  }
  const byProduct = groupBy(product.movements, (movement) => movement.product_id)
  for (const { id, stock, opening } of product.products) {
    const moved = sum(byProduct.get(id) ?? [], ({ kind, quantity }) =>
      kind === 'RESERVE' ? -quantity : quantity,
    )
    expect(stock === opening + moved, `I2 product ${id}: stock ${stock}, movements say ${opening + moved}`)
    expect(stock >= 0, `I2 product ${id}: stock ${stock}`)
  }
  const forOrders = user.ledger.filter((entry) => entry.kind !== 'DEPOSIT')
  for (const [orderId, entries] of groupBy(forOrders, (entry) => entry.order_id ?? '')) {
    const [debit, refund, ...more] = inPairs(entries, 'DEBIT')
    expect(debit?.kind === 'DEBIT' && more.length === 0, `I3 order ${orderId}: ${kinds(entries)}`)
    expect(
      refund === undefined || (refund.kind === 'REFUND' && refund.amount === debit?.amount),
      `I3 order ${orderId}: refund is not the debit`,
    )
  }
  const lines = product.movements.filter((movement) => movement.kind !== 'RESTOCK')
  for (const [line, movements] of groupBy(lines, (one) => `${one.order_id} of ${one.product_id}`)) {
    const [reserve, release, ...more] = inPairs(movements, 'RESERVE')
    expect(reserve?.kind === 'RESERVE' && more.length === 0, `I4 line ${line}: ${kinds(movements)}`)
    expect(
      release === undefined || (release.kind === 'RELEASE' && release.quantity === reserve?.quantity),
      `I4 line ${line}: release is not the reserve`,
    )
  }
  return problems
}

const inPairs = <Row extends LedgerRow | MovementRow>(rows: readonly Row[], first: Row['kind']) =>
  [...rows].sort((a, b) => Number(b.kind === first) - Number(a.kind === first))
const kinds = (rows: readonly { kind: string }[]) => rows.map(({ kind }) => kind).join(', ')

/** Every order is at rest, and money and stock moved for it exactly when it succeeded. */
export const ordersMatchBooks = ({ order, product, user }: Snapshot): string[] => {
  const problems: string[] = []
  const expect = (holds: boolean, problem: string) => holds || problems.push(problem)
  const money = groupBy(user.ledger, (entry) => entry.order_id ?? '')
  const stock = groupBy(product.movements, (movement) => movement.order_id ?? '')

  for (const one of order.orders) {
    const { id, status, history } = one
    const ends = status === 'PROCESSING' ? 'PROCESSING' : `PROCESSING,${status}`
    expect(history.join() === ends, `I5 order ${id}: is ${status}, was ${history.join()}`)
    expect(status !== 'PROCESSING', `I8 order ${id}: still PROCESSING`)
    const entries = money.get(id) ?? []
    const movements = stock.get(id) ?? []
    if (status === 'SUCCESS') problems.push(...successProblems(one, entries, movements))
    if (status === 'FAILED') {
      const paid = sum(entries, ({ kind, amount }) => (kind === 'DEBIT' ? amount : -amount))
      const taken = sum(movements, ({ kind, quantity }) => (kind === 'RESERVE' ? quantity : -quantity))
      expect(paid === 0, `I9 order ${id}: FAILED, yet ${paid} was paid`)
      expect(taken === 0, `I9 order ${id}: FAILED, yet ${taken} pieces are held`)
    }
  }
  problems.push(...totalsOff({ order, product, user }))
  return problems
}

const successProblems = (
  { id, total, lines }: OrderRow,
  entries: readonly LedgerRow[],
  movements: readonly MovementRow[],
): string[] => {
  const due = sum(lines, ({ quantity, unit_price }) => quantity * (unit_price ?? Number.NaN))
  const paidOnce = entries.length === 1 && entries[0]?.kind === 'DEBIT' && entries[0].amount === total
  const takenOnce =
    movements.length === lines.length &&
    lines.every(({ product_id, quantity }) =>
      movements.some(
        (one) => one.kind === 'RESERVE' && one.product_id === product_id && one.quantity === quantity,
      ),
    )
  return [
    ...(due === total ? [] : [`I9 order ${id}: total ${total}, its lines cost ${due}`]),
    ...(paidOnce ? [] : [`I9 order ${id}: SUCCESS, ledger has ${kinds(entries) || 'nothing'}`]),
    ...(takenOnce ? [] : [`I9 order ${id}: SUCCESS, movements are ${kinds(movements) || 'none'}`]),
  ]
}

const totalsOff = ({ order, product, user }: Snapshot): string[] => {
  const succeeded = order.orders.filter(({ status }) => status === 'SUCCESS')
  const deposits = sum(user.ledger, ({ kind, amount }) => (kind === 'DEPOSIT' ? amount : 0))
  const restocks = sum(product.movements, ({ kind, quantity }) => (kind === 'RESTOCK' ? quantity : 0))
  const spent = sum(user.users, ({ opening, balance }) => opening - balance) + deposits
  const sold = sum(product.products, ({ opening, stock }) => opening - stock) + restocks
  const due = sum(succeeded, ({ total }) => total ?? 0)
  const ordered = sum(succeeded, ({ lines }) => sum(lines, ({ quantity }) => quantity))
  return [
    ...(spent === due ? [] : [`I10 ${spent} left the balances, the orders cost ${due}`]),
    ...(sold === ordered ? [] : [`I11 ${sold} pieces left the stock, ${ordered} were ordered`]),
  ]
}

import type { OrderCase, StockFacts } from './facts.ts'
import type { Find, Finding } from './finding.ts'

/** The reservation of an order and its movements: I4 at every moment, I9 once the order is settled. */
export const judgeStock = (
  facts: OrderCase,
  settled: 'SUCCESS' | 'FAILED' | undefined,
  find: Find,
): Finding[] => {
  const { id, stock } = facts
  const own = (code: Parameters<Find>[0], what: string) => [find(code, 'product', { orderId: id }, what)]
  const doubled = stock === undefined ? [] : judgeCounts(stock, own)
  if (doubled.length > 0) return doubled
  const ended = judgeEnd(facts, settled, own)
  if (ended.length > 0 || stock === undefined) return ended
  return judgeReservation(stock, own)
}

type Own = (code: Parameters<Find>[0], what: string) => Finding[]

const judgeCounts = (stock: StockFacts, own: Own): Finding[] => {
  const { reserves, reservedLines, releases, releasedLines, reserveHash, releaseHash } = stock
  if (reserves > reservedLines)
    return own('stock.double_reserve', `${reservedLines} lines have ${reserves} RESERVE rows.`)
  if (releases > releasedLines)
    return own('stock.double_release', `${releasedLines} lines have ${releases} RELEASE rows.`)
  if (releases > 0 && releaseHash !== reserveHash)
    return own(
      'stock.release_mismatch',
      reserves === 0
        ? `${releases} lines were released and none reserved.`
        : `${releases} lines were released, ${reserves} reserved, and they are not the same pieces.`,
    )
  return []
}

const judgeEnd = (
  { order, stock }: OrderCase,
  settled: 'SUCCESS' | 'FAILED' | undefined,
  own: Own,
): Finding[] => {
  const reserves = stock?.reserves ?? 0
  const releases = stock?.releases ?? 0
  if (settled === 'FAILED' && reserves > 0 && releases === 0)
    return own('stock.held', `The order is FAILED, and ${stock?.netPieces} pieces are still reserved for it.`)
  if (settled !== 'SUCCESS' || order === undefined) return []
  if (reserves === 0)
    return own('stock.not_reserved', `The order is SUCCESS, and nothing was reserved for it.`)
  if (releases > 0)
    return own('stock.released_after_success', 'The order is SUCCESS, and its stock was released.')
  if (order.lines > 0 && stock?.reserveHash !== order.lineHash)
    return own(
      'stock.wrong_lines',
      `The order has ${order.lines} lines with ${order.pieces} pieces; reserved were ${reserves} lines with ${stock?.netPieces}.`,
    )
  if (order.lines > 0 && order.priceHash !== null && stock?.reservePriceHash !== order.priceHash)
    return own('order.wrong_prices', 'The unit prices of the order are not those of its reservation.')
  if (order.total !== null && order.total !== stock?.reserveAmount)
    return own(
      'order.wrong_total',
      `The total is ${order.total}, the reserved lines cost ${stock?.reserveAmount}.`,
    )
  return []
}

const expected = {
  RESERVED: { reserve: true, release: false },
  RELEASED: { reserve: true, release: true },
  REJECTED: { reserve: false, release: false },
} as const

const judgeReservation = (stock: StockFacts, own: Own): Finding[] => {
  const { status, reserves, releases, total, reserveAmount } = stock
  const rows = `${reserves} RESERVE and ${releases} RELEASE rows`
  if (status === null)
    return reserves + releases > 0
      ? own('stock.reservation_mismatch', `There is no reservation, yet ${rows}.`)
      : []
  const { reserve, release } = expected[status]
  if (reserves > 0 !== reserve || releases > 0 !== release)
    return own('stock.reservation_mismatch', `The reservation is ${status}, and there are ${rows}.`)
  if (reserve && total !== reserveAmount)
    return own(
      'stock.reservation_mismatch',
      `The reservation says ${total}, its lines cost ${reserveAmount}.`,
    )
  return []
}

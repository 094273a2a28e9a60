import {
  type MoneyFacts,
  moneyFacts,
  type Only,
  type OrderFacts,
  orderFacts,
  type StockFacts,
  stockFacts,
} from './facts.ts'
import type { Find, Sink } from './finding.ts'
import { judge } from './judge.ts'
import { nextKey, openReader, take } from './reader.ts'
import type { Snapshots } from './snapshot.ts'
import type { Limits, Unanswered } from './verdict.ts'

export interface Tally {
  /** Orders by status. */
  orders: { PROCESSING: number; SUCCESS: number; FAILED: number }
  /** How many were settled for longer than the grace, and judged by it. */
  settled: number
  /** Totals and pieces of settled SUCCESS orders, and what orders under way hold. */
  money: { successful: bigint; underWay: bigint }
  stock: { successful: bigint; underWay: bigint }
}

/** Judges order by order, over three streams sorted by order id. `most` bounds the questions that are left open. */
export const auditOrders = async (
  snapshots: Snapshots,
  limits: Limits,
  { only, most }: { only: Only; most: number },
  find: Find,
  sink: Sink,
): Promise<{ tally: Tally; unanswered: Unanswered[] }> => {
  const [order, stock, money] = await Promise.all([
    openReader<OrderFacts>(snapshots.order, 'order_facts', orderFacts(only)),
    openReader<StockFacts>(snapshots.product, 'stock_facts', stockFacts(only)),
    openReader<MoneyFacts>(snapshots.user, 'money_facts', moneyFacts(only)),
  ])
  const readers = [order, stock, money]
  const tally: Tally = {
    orders: { PROCESSING: 0, SUCCESS: 0, FAILED: 0 },
    settled: 0,
    money: { successful: 0n, underWay: 0n },
    stock: { successful: 0n, underWay: 0n },
  }
  const unanswered: Unanswered[] = []
  for (let id = nextKey(readers); id !== undefined; id = nextKey(readers)) {
    const facts = {
      id,
      order: await take(order, id),
      stock: await take(stock, id),
      money: await take(money, id),
    }
    const verdict = judge(facts, limits, find)
    sink.add(...verdict.findings)
    for (const it of verdict.unanswered) if (unanswered.length < most) unanswered.push(it)
    count(tally, facts, verdict.settled)
  }
  return { tally, unanswered }
}

const count = (
  tally: Tally,
  {
    order,
    stock,
    money,
  }: { order?: OrderFacts | undefined; stock?: StockFacts | undefined; money?: MoneyFacts | undefined },
  settled: 'SUCCESS' | 'FAILED' | undefined,
) => {
  if (order?.status != null) tally.orders[order.status] += 1
  if (settled === undefined) {
    if (money !== undefined) tally.money.underWay += BigInt(money.net)
    if (stock !== undefined) tally.stock.underWay += BigInt(stock.netPieces)
    return
  }
  tally.settled += 1
  if (settled === 'SUCCESS') {
    tally.money.successful += BigInt(order?.total ?? 0)
    tally.stock.successful += BigInt(order?.pieces ?? 0)
  }
}

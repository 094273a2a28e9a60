import type { Accounts } from './accounts.ts'
import type { Tally } from './orders.ts'

interface Sum {
  /** What users or products had at first and were given since. */
  given: string
  left: string
  /** Given and not left, without what orders under way hold. */
  taken: string
  underWay: string
  /** What settled SUCCESS orders amount to. */
  successful: string
  /** Taken, less successful: 0 unless something is wrong. */
  difference: string
}

/** Decimal digits: sums may be larger than a JSON number is exact. */
export interface Sums {
  money: Sum
  stock: Sum
}

/** I10 and I11. */
export const sumsOf = ({ money, stock }: Accounts, tally: Tally): Sums => ({
  money: sumOf(money.opening + money.deposits, money.balances, tally.money),
  stock: sumOf(stock.opening + stock.restocks, stock.pieces, tally.stock),
})

const sumOf = (given: bigint, left: bigint, { successful, underWay }: Tally['money']): Sum => {
  const taken = given - left - underWay
  return {
    given: String(given),
    left: String(left),
    taken: String(taken),
    underWay: String(underWay),
    successful: String(successful),
    difference: String(taken - successful),
  }
}

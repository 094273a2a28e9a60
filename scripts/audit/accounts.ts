import type { Find, Sink } from './finding.ts'
import type { Snapshots } from './snapshot.ts'

/** What the users and products hold in sum. */
export interface Accounts {
  money: { opening: bigint; deposits: bigint; balances: bigint }
  stock: { opening: bigint; restocks: bigint; pieces: bigint }
}

interface Row {
  id: string
  held: string | null
  due: string
  opening: string | null
}

const differing = (table: string, value: string, opening: string, moved: string) => `
  with moved as (${moved})
  select coalesce(t.id, m.id)::text as id, t.${value}::text as held, t.${opening}::text as opening,
    (coalesce(t.${opening}, 0) + coalesce(m.net, 0))::text as due
  from ${table} t full join moved m on m.id = t.id
  where t.id is null or t.${value} <> t.${opening} + coalesce(m.net, 0) or t.${value} < 0 or t.${opening} < 0
  order by 1`

const wrongBalances = differing(
  'users',
  'balance',
  'opening_balance',
  `select user_id as id, sum(case kind when 'DEBIT' then -amount else amount end) as net from ledger group by user_id`,
)
const wrongStocks = differing(
  'products',
  'stock',
  'opening_stock',
  `select product_id as id, sum(case kind when 'RESERVE' then -quantity else quantity end) as net
   from stock_movements group by product_id`,
)

/** I1 and I2: every user and product against its own rows, in one snapshot. */
export const auditAccounts = async (
  { user, product }: Snapshots,
  find: Find,
  sink: Sink,
): Promise<Accounts> => {
  for (const { id, held, due, opening } of (await user.client.query<Row>(wrongBalances)).rows) {
    const own = (code: Parameters<Find>[0], what: string) =>
      sink.add(find(code, 'user', { userId: id }, what))
    if (held === null) own('money.unknown_user', `The ledger moves ${due} of a user who has no row.`)
    else if (held !== due)
      own('money.balance_mismatch', `The balance is ${held}, the ledger makes it ${due}.`)
    else own('money.balance_negative', `The balance is ${held}, and was ${opening} at first.`)
  }
  for (const { id, held, due, opening } of (await product.client.query<Row>(wrongStocks)).rows) {
    const own = (code: Parameters<Find>[0], what: string) =>
      sink.add(find(code, 'product', { productId: id }, what))
    if (held === null)
      own('stock.unknown_product', `The movements move ${due} pieces of a product that has no row.`)
    else if (held !== due) own('stock.count_mismatch', `The stock is ${held}, the movements make it ${due}.`)
    else own('stock.negative', `The stock is ${held}, and was ${opening} at first.`)
  }
  return { money: await moneyOf(user.client), stock: await stockOf(product.client) }
}

type Client = Snapshots['user']['client']

const moneyOf = async (client: Client): Promise<Accounts['money']> => {
  const { rows } = await client.query<Record<'opening' | 'deposits' | 'balances', string>>(
    `select (select coalesce(sum(opening_balance), 0) from users)::text as opening,
       (select coalesce(sum(balance), 0) from users)::text as balances,
       (select coalesce(sum(amount), 0) from ledger where kind = 'DEPOSIT')::text as deposits`,
  )
  const { opening, deposits, balances } = rows[0]!
  return { opening: BigInt(opening), deposits: BigInt(deposits), balances: BigInt(balances) }
}

const stockOf = async (client: Client): Promise<Accounts['stock']> => {
  const { rows } = await client.query<Record<'opening' | 'restocks' | 'pieces', string>>(
    `select (select coalesce(sum(opening_stock), 0) from products)::text as opening,
       (select coalesce(sum(stock), 0) from products)::text as pieces,
       (select coalesce(sum(quantity), 0) from stock_movements where kind = 'RESTOCK')::text as restocks`,
  )
  const { opening, restocks, pieces } = rows[0]!
  return { opening: BigInt(opening), restocks: BigInt(restocks), pieces: BigInt(pieces) }
}

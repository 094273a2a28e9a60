import type { Mode, Reason } from '../../shared/contracts/index.ts'

/** What each database holds about one order. Amounts are decimal digits, hashes stand for sets of lines. */
interface Facts {
  id: string
  /** Types in the outbox, in order, comma separated; null when there are none. */
  said: string | null
  /** The amount that the outbox says. */
  saidAmount: string | null
  /** Since the youngest of these rows was made, by the database's clock. */
  ageMs: number
}

export interface OrderFacts extends Facts {
  /** Null when the order has no row. */
  status: 'PROCESSING' | 'SUCCESS' | 'FAILED' | null
  userId: string | null
  reason: Reason | null
  mode: Mode | null
  total: string | null
  createdAgeMs: number | null
  settledAgeMs: number | null
  lines: number
  pieces: string | null
  lineHash: string | null
  /** Null while a price is not known. */
  priceHash: string | null
  /** `PROCESSING>SUCCESS` */
  history: string | null
  lastReason: string | null
}

export interface StockFacts extends Facts {
  status: 'RESERVED' | 'RELEASED' | 'REJECTED' | null
  total: string | null
  reserves: number
  reservedLines: number
  reserveHash: string | null
  reservePriceHash: string | null
  reserveAmount: string | null
  releases: number
  releasedLines: number
  releaseHash: string | null
  /** Reserved and not released. */
  netPieces: string
}

export interface MoneyFacts extends Facts {
  status: 'DEBITED' | 'REFUNDED' | 'REJECTED' | null
  userId: string | null
  amount: string | null
  debits: number
  debitAmount: string | null
  debitUserId: string | null
  refunds: number
  refundAmount: string | null
  refundUserId: string | null
  /** Debited and not refunded. */
  net: string
}

/** All that the three services hold about one order. */
export interface OrderCase {
  id: string
  order: OrderFacts | undefined
  stock: StockFacts | undefined
  money: MoneyFacts | undefined
}

/** Only these orders; all of them when undefined. The ids are UUIDs. */
export type Only = readonly string[] | undefined

export const among = (column: string, only: Only): string =>
  only === undefined ? 'true' : `${column} = any('{${only.join()}}'::uuid[])`

const ms = (since: string) => `(extract(epoch from now() - ${since}) * 1000)::float8`

/** The outbox by order. */
const said = (amount: string, only: Only) => `
  select aggregate_id as order_id, string_agg(type, ',' order by id) as said, max(${amount}) as amount,
    max(created_at) as at
  from outbox where ${among('aggregate_id', only)} group by aggregate_id`

export const orderFacts = (only: Only) => `
  select coalesce(o.id, b.order_id)::text as id, o.status::text, o.user_id::text as "userId", o.reason, o.mode::text,
    o.total::text, ${ms('o.created_at')} as "createdAgeMs", ${ms('o.updated_at')} as "settledAgeMs",
    coalesce(l.lines, 0) as lines, l.pieces::text, l.hash::text as "lineHash", l.priced::text as "priceHash",
    h.path as history, h.reason as "lastReason",
    b.said, b.amount as "saidAmount", ${ms('greatest(o.created_at, b.at)')} as "ageMs"
  from (select * from orders where ${among('id', only)}) o
  left join (
    select order_id, count(*)::int as lines, sum(quantity) as pieces,
      sum(hashtextextended(product_id || ':' || quantity, 0)) as hash,
      case when count(unit_price) = count(*)
        then sum(hashtextextended(product_id || ':' || quantity || ':' || unit_price, 0)) end as priced
    from order_items where ${among('order_id', only)} group by order_id
  ) l on l.order_id = o.id
  left join (
    select order_id, string_agg(status::text, '>' order by id) as path, (array_agg(reason order by id desc))[1] as reason
    from order_status_history where ${among('order_id', only)} group by order_id
  ) h on h.order_id = o.id
  full join (${said("case when type = 'OrderSucceeded' then payload ->> 'total' end", only)}) b on b.order_id = o.id
  order by coalesce(o.id, b.order_id)`

export const stockFacts = (only: Only) => `
  select order_id::text as id, r.status::text, r.total::text,
    coalesce(m.reserves, 0) as reserves, coalesce(m.reserved_lines, 0) as "reservedLines", m.reserve_hash::text as "reserveHash",
    m.reserve_price_hash::text as "reservePriceHash", m.reserve_amount::text as "reserveAmount",
    coalesce(m.releases, 0) as releases, coalesce(m.released_lines, 0) as "releasedLines",
    m.release_hash::text as "releaseHash", coalesce(m.net, 0)::text as "netPieces",
    b.said, b.amount as "saidAmount", ${ms('greatest(r.created_at, m.at, b.at)')} as "ageMs"
  from (select * from reservations where ${among('order_id', only)}) r
  full join (
    select order_id,
      (count(*) filter (where kind = 'RESERVE'))::int as reserves,
      (count(distinct product_id) filter (where kind = 'RESERVE'))::int as reserved_lines,
      sum(hashtextextended(product_id || ':' || quantity, 0)) filter (where kind = 'RESERVE') as reserve_hash,
      sum(hashtextextended(product_id || ':' || quantity || ':' || unit_price, 0)) filter (where kind = 'RESERVE')
        as reserve_price_hash,
      sum(quantity * unit_price) filter (where kind = 'RESERVE') as reserve_amount,
      (count(*) filter (where kind = 'RELEASE'))::int as releases,
      (count(distinct product_id) filter (where kind = 'RELEASE'))::int as released_lines,
      sum(hashtextextended(product_id || ':' || quantity, 0)) filter (where kind = 'RELEASE') as release_hash,
      sum(case kind when 'RESERVE' then quantity when 'RELEASE' then -quantity else 0 end) as net,
      max(created_at) as at
    from stock_movements where order_id is not null and ${among('order_id', only)} group by order_id
  ) m using (order_id)
  full join (${said("case when type = 'StockReserved' then payload ->> 'total' end", only)}) b using (order_id)
  order by order_id`

export const moneyFacts = (only: Only) => `
  select order_id::text as id, p.status::text, p.user_id::text as "userId", p.amount::text,
    coalesce(l.debits, 0) as debits, l.debit_amount::text as "debitAmount", l.debit_user as "debitUserId",
    coalesce(l.refunds, 0) as refunds, l.refund_amount::text as "refundAmount", l.refund_user as "refundUserId",
    coalesce(l.net, 0)::text as net,
    b.said, b.amount as "saidAmount", ${ms('greatest(p.created_at, l.at, b.at)')} as "ageMs"
  from (select * from payments where ${among('order_id', only)}) p
  full join (
    select order_id,
      (count(*) filter (where kind = 'DEBIT'))::int as debits, min(amount) filter (where kind = 'DEBIT') as debit_amount,
      min(user_id::text) filter (where kind = 'DEBIT') as debit_user,
      (count(*) filter (where kind = 'REFUND'))::int as refunds, min(amount) filter (where kind = 'REFUND') as refund_amount,
      min(user_id::text) filter (where kind = 'REFUND') as refund_user,
      sum(case kind when 'DEBIT' then amount when 'REFUND' then -amount else 0 end) as net,
      max(created_at) as at
    from ledger where order_id is not null and ${among('order_id', only)} group by order_id
  ) l using (order_id)
  full join (${said("case when type = 'BalanceDebited' then payload ->> 'amount' end", only)}) b using (order_id)
  order by order_id`

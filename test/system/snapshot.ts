import { type ServiceName, services } from '../../shared/contracts/index.ts'
import { withClient } from '../../shared/database/migrations/index.ts'

interface OutboxRow {
  id: string
  event_id: string
  type: string
  order_id: string
  waiting: boolean
  parked: boolean
}
interface InboxRow {
  consumer: string
  event_id: string
}
interface Letters {
  outbox: OutboxRow[]
  inbox: InboxRow[]
}
export interface OrderRow {
  id: string
  status: 'PROCESSING' | 'SUCCESS' | 'FAILED'
  mode: 'choreography' | 'rpc'
  reason: string | null
  total: number | null
  /** In order; the prices are null until known. */
  lines: { product_id: string; quantity: number; unit_price: number | null }[]
  /** Every status it ever had, in order. */
  history: string[]
}
export interface LedgerRow {
  user_id: string
  order_id: string | null
  kind: 'DEBIT' | 'REFUND' | 'DEPOSIT'
  amount: number
}
export interface MovementRow {
  product_id: string
  order_id: string | null
  kind: 'RESERVE' | 'RELEASE' | 'RESTOCK'
  quantity: number
}

/** Everything the three databases hold, each read in one transaction of its own. Amounts are numbers: tests keep them small. */
export interface Snapshot {
  order: Letters & { orders: OrderRow[] }
  product: Letters & {
    products: { id: string; stock: number; opening: number }[]
    reservations: { order_id: string; status: 'RESERVED' | 'RELEASED' | 'REJECTED' }[]
    movements: MovementRow[]
  }
  user: Letters & {
    users: { id: string; balance: number; opening: number }[]
    payments: { order_id: string; status: 'DEBITED' | 'REFUNDED' | 'REJECTED' }[]
    ledger: LedgerRow[]
  }
}

const letters = {
  outbox: `SELECT id::text, event_id, type, aggregate_id AS order_id, parked_at IS NOT NULL AS parked,
    published_at IS NULL AND parked_at IS NULL AS waiting FROM outbox ORDER BY outbox.id`,
  inbox: 'SELECT consumer, event_id FROM inbox',
}
const statements: Record<ServiceName, Record<string, string>> = {
  order: {
    ...letters,
    orders: `SELECT o.id, o.status, o.mode, o.reason, o.total::float8 AS total,
      (SELECT json_agg(json_build_object('product_id', i.product_id, 'quantity', i.quantity, 'unit_price', i.unit_price)
        ORDER BY i.position) FROM order_items i WHERE i.order_id = o.id) AS lines,
      (SELECT array_agg(h.status::text ORDER BY h.id) FROM order_status_history h WHERE h.order_id = o.id) AS history
      FROM orders o ORDER BY o.id`,
  },
  product: {
    ...letters,
    products: 'SELECT id, stock, opening_stock AS opening FROM products',
    reservations: 'SELECT order_id, status FROM reservations',
    movements: 'SELECT product_id, order_id, kind, quantity FROM stock_movements ORDER BY id',
  },
  user: {
    ...letters,
    users: 'SELECT id, balance::float8 AS balance, opening_balance::float8 AS opening FROM users',
    payments: 'SELECT order_id, status FROM payments',
    ledger: 'SELECT user_id, order_id, kind, amount::float8 AS amount FROM ledger ORDER BY id',
  },
}

const readOne = (url: string, service: ServiceName) =>
  withClient(url, async (client) => {
    const read: Record<string, unknown[]> = {}
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    for (const [name, text] of Object.entries(statements[service]))
      read[name] = (await client.query(text)).rows
    await client.query('COMMIT')
    return read
  })

export const readSnapshot = async (urlOf: (service: ServiceName) => string): Promise<Snapshot> => {
  const read = await Promise.all(
    services.map(async (service) => [service, await readOne(urlOf(service), service)]),
  )
  return Object.fromEntries(read) as unknown as Snapshot
}

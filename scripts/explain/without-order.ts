import { type Clients, readTraces } from './read-rows.ts'
import type { Traces } from './rows.ts'
import { money, wordsOf } from './words.ts'

/** One thing that a service has of an order that the order service has no row of. */
export interface Trace {
  at: Date
  what: string
}

/** Oldest first; none when nobody knows the order. Throws OrdersUnreadable. */
export const tracesOf = async (clients: Clients, orderId: string): Promise<Trace[]> =>
  tracesIn(await readTraces(clients, orderId)).sort((a, b) => a.at.getTime() - b.at.getTime())

const tracesIn = ({
  outbox,
  reservation,
  movements,
  payment,
  ledger,
  unreadable,
  readAt,
}: Traces): Trace[] => [
  ...outbox.map(({ service, type, eventId, payload, createdAt, publishedAt }) => ({
    at: createdAt,
    what: `${service} ${type}: ${wordsOf(type, payload)}${publishedAt === null ? ', not published' : ''} (event ${eventId})`,
  })),
  ...[reservation].flatMap((row) =>
    row === undefined ? [] : [{ at: row.createdAt, what: `product: the reservation is ${row.status}` }],
  ),
  ...movements.map(({ kind, at, lines }) => ({
    at,
    what: `product: stock moved, ${kind}, ${lines} ${lines === 1 ? 'line' : 'lines'}`,
  })),
  ...[payment].flatMap((row) =>
    row === undefined ? [] : [{ at: row.createdAt, what: `user: the payment is ${row.status}` }],
  ),
  ...ledger.map(({ kind, at, amount }) => ({ at, what: `user: money moved, ${kind}, ${money(amount)}` })),
  ...unreadable.map(({ service, table }) => ({
    at: readAt,
    what: `${service}: the table ${table} is locked, and was not read`,
  })),
]

/** The answer for a person. */
export const textWithoutOrder = (orderId: string, traces: readonly Trace[]): string =>
  [
    `Order ${orderId}  is not in the order service's database, and yet:`,
    '',
    ...traces.map(({ at, what }) => `  ${at.toISOString()}  ${what}`),
    '',
    "next: compare POSTGRES_URL and SAGA_NAMESPACE with the services'; where they are right, the order was deleted: restore its rows, or give back what is still held",
  ].join('\n')

import { Unavailable } from '../../shared/failure/index.ts'
import { type Explanation, explanationOf } from './explanation.ts'
import { lookAtBroker } from './look-at-broker.ts'
import { lookAtDatabases } from './look-at-databases.ts'
import { openEndsOf } from './open-ends.ts'
import { type Clients, OrdersUnreadable, readRows, withClients } from './read-rows.ts'
import type { OrderRows } from './rows.ts'
import type { BrokerSight, Sight } from './sight.ts'
import { treeOf } from './tree.ts'
import { verdictOnLocked } from './verdict.ts'

export interface ExplainOptions {
  postgresUrl: string
  /** Not looked at when undefined. */
  amqpUrl: string | undefined
  namespace: string
  deadlineMs: number
}

/** How long it is waited for a session that is in the way to show itself. */
const watchLocksMs = 1_500
/** A message that fails again and again is between its retry queue and its consumer only for moments. */
const openLooks = 3
/** The three databases are not read in one moment, and the broker in another: what does not fit together is read again. */
const readings = 3

/**
 * Reads what there is about an order and explains it; undefined when there is no such order. Changes nothing: dead letters are read
 * and put back. Throws Unavailable when a database can't be had, or holds its orders locked; Refused when one is not the project's.
 */
export const explain = (orderId: string, options: ExplainOptions): Promise<Explanation | undefined> =>
  withClients(options.postgresUrl, options.namespace, async (clients) => {
    let rows = await readWhole(clients, orderId, options)
    for (let looks = 1; rows !== undefined; looks += 1) {
      const sight = await look(clients, rows, options)
      const after =
        isAtRest(rows) || rows.unreadable.length > 0 ? rows : await readWhole(clients, orderId, options)
      if (after === undefined || looks === readings || openEndsIn(after) === openEndsIn(rows))
        return explanationOf({ ...(after ?? rows), readAt: rows.readAt }, sight, options.deadlineMs)
      // It went on while it was looked at: what was seen is not about where it is now.
      rows = after
    }
    return undefined
  })

const isAtRest = (rows: OrderRows) =>
  rows.order.status !== 'PROCESSING' && openEndsOf(treeOf(rows)).length === 0

const openEndsIn = (rows: OrderRows): string =>
  [
    rows.order.status,
    ...openEndsOf(treeOf(rows)).map((end) => `${end.kind} ${end.event.eventId} ${'to' in end ? end.to : ''}`),
  ].join()

const look = async (
  clients: Clients,
  rows: OrderRows,
  { namespace, amqpUrl }: ExplainOptions,
): Promise<Sight> => {
  const isOpen = !isAtRest(rows)
  const eventIds = new Set(rows.outbox.map(({ eventId }) => eventId))
  const [databases, broker] = await Promise.all([
    lookAtDatabases(clients, namespace, isOpen ? watchLocksMs : 0),
    amqpUrl === undefined
      ? ({ kind: 'not looked at' } satisfies BrokerSight)
      : lookAtBroker({
          url: amqpUrl,
          namespace,
          orderId: rows.order.id,
          eventIds,
          looks: isOpen ? openLooks : 1,
        }),
  ])
  return { databases, broker }
}

const readWhole = async (
  clients: Clients,
  orderId: string,
  { namespace }: ExplainOptions,
): Promise<OrderRows | undefined> => {
  try {
    for (let reading = 1; ; reading += 1) {
      const rows = await readRows(clients, orderId)
      if (rows === undefined || reading === readings || treeOf(rows).orphans.length === 0) return rows
    }
  } catch (error) {
    if (!(error instanceof OrdersUnreadable)) throw error
    const databases = await lookAtDatabases(clients, namespace, watchLocksMs)
    const { unreadable } = error
    const { sentence, next } = verdictOnLocked({
      unreadable,
      sight: { databases, broker: { kind: 'not looked at' } },
    })
    throw new Unavailable(sentence, { code: 'explain.database_locked', ...(next && { next }) })
  }
}

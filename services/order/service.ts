import { Histogram, type Registry } from 'prom-client'
import type { Acted, Manifest, Parts } from '../../shared/service/index.ts'
import { choreography } from './choreography.ts'
import { choreographed, rpcChain } from './coordination.ts'
import { type OrderDatabase, openOrderDatabase } from './database.ts'
import type { Order, OrderState } from './domain.ts'
import { expiry } from './expiry.ts'
import { orderRoutes } from './http.ts'
import { deleteOldClaims } from './idempotency-keys.ts'
import { keyPruning } from './key-pruning.ts'
import { placing } from './placing.ts'
import { type OrderCommandParts, orderCommands, orderProcedures } from './procedures.ts'
import { selectExpired, selectHistory, selectOrder } from './statements.ts'
import { watchOrders } from './watch.ts'

type Client = OrderDatabase['client']
type World = Parameters<typeof choreography.store.save>[1]

export const order: Manifest<Client, World, OrderState> = {
  name: 'order',
  choreography,
  openDatabase: openOrderDatabase,
  assemble: (parts: Parts<Client, OrderState>) => {
    const { config, database, ask, askOnce, metrics, log, rpc, byMode } = parts
    const sql = database.client
    const watch = watchOrders((ids) => selectHistory(sql, ids))
    const coordination = byMode({
      choreography: choreographed,
      rpc: rpcChain({
        rpc,
        ask,
        read: (id) => selectOrder(sql, id),
        timeoutMs: config.rpcTimeoutMs,
        log,
      }),
    })
    // Without an inbox the order's own id tells a message that comes again; its chain goes on where a crash cut it.
    const placeByMessage = byMode<OrderCommandParts['placeByMessage']>({
      choreography: (input, messageId, cause) => askOnce('order.create', input, messageId, cause),
      rpc: (input, _messageId, cause) => ask(input, cause),
    })
    const observe = settleObserver(metrics)
    const place = placing({ coordination, place: ask, watch, sql })
    return {
      routes: orderRoutes({ place, cancel: ask, watch, sql }),
      procedures: orderProcedures({ place, ask }),
      commands: orderCommands({ askOnce, placeByMessage, coordination }),
      background: [
        expiry({
          expired: (limit) => selectExpired(sql, config.orderDeadlineMs, limit),
          expire: ask,
          log,
        }),
        keyPruning({ forget: (limit) => deleteOldClaims(sql, limit), log }),
      ],
      // The callers of an rpc order hear by reply. One that is left over when the mode is switched back ends by events.
      says: ({ order }) => order?.mode !== 'rpc' || coordination.mode !== 'rpc',
      committed(acted) {
        const changed = changedIn(acted)
        watch.wake(changed.map(({ id }) => id))
        for (const it of changed) {
          if (it.status === 'PROCESSING') continue
          observe(it)
          coordination.settled(it)
        }
      },
    }
  },
}

const changedIn = (acted: readonly Acted<OrderState>[]): Order[] =>
  acted.flatMap((it) => (it.kind === 'done' && it.events.length > 0 ? (it.state.order ?? []) : []))

/** Measures how long orders took to settle. */
const settleObserver = (metrics: Registry) => {
  const settleSeconds = new Histogram({
    name: 'order_settle_seconds',
    help: 'Time from placing an order to its terminal status',
    labelNames: ['status', 'mode'],
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    registers: [metrics],
  })
  return ({ createdAt, updatedAt, status, mode }: Order) =>
    settleSeconds.observe({ status, mode }, (updatedAt.getTime() - createdAt.getTime()) / 1000)
}

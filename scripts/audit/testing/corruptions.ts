import type { ServiceName } from '../../../shared/contracts/index.ts'
import type { Code } from '../catalogue.ts'
import { ids } from './settled-system.ts'

/** One thing done to the data by hand, and all that the audit must say about it. */
export interface Corruption {
  name: string
  sql: Partial<Record<ServiceName, string>>
  /** Codes, each with the order, product or user that is named; `-` for none. */
  finds: readonly (readonly [Code, string])[]
}

const { bought, outOfStock, tooDear, expiredAfterDebit, cancelledEarly, boughtByRpc, undoneByRpc, stranger } =
  ids
const { lamp, desk, rich, idle } = ids

const ago = (minutes: number) => `now() - interval '${minutes} minutes'`
const newEvent = (type: string, orderId: string, exchange: string, key: string, payload = '{}') =>
  `insert into outbox (event_id, type, aggregate_id, exchange, routing_key, payload, created_at, published_at)
   values (gen_random_uuid(), '${type}', '${orderId}', '${exchange}', '${key}', '${payload}', ${ago(9)}, ${ago(9)})`
const dropRow = (type: string, orderId: string) =>
  `delete from outbox where type = '${type}' and aggregate_id = '${orderId}'`
/** The inbox rows of one event, found through the answer to it. */
const forgetCauseOf = (answer: string, orderId: string) =>
  `delete from inbox where event_id = (select (headers ->> 'cloudEvents:causationid')::uuid from outbox
     where type = '${answer}' and aggregate_id = '${orderId}')`
const setOrder = (set: string, orderId: string) => `update orders set ${set} where id = '${orderId}'`
const again = (table: string, columns: string, where: string) =>
  `insert into ${table} (${columns}) select ${columns} from ${table} where ${where} limit 1`
const debit = `order_id = '${bought}' and kind = 'DEBIT'`
const reserve = `order_id = '${bought}' and kind = 'RESERVE'`
const ledgerColumns = 'user_id, order_id, kind, amount, created_at'
const movementColumns = 'product_id, order_id, kind, quantity, unit_price, created_at'

export const corruptions: readonly Corruption[] = [
  {
    name: 'a balance raised by hand',
    sql: { user: `update users set balance = balance + 1 where id = '${rich}'` },
    finds: [['money.balance_mismatch', rich]],
  },
  {
    name: 'a balance of someone who never ordered',
    sql: { user: `update users set balance = 0 where id = '${idle}'` },
    finds: [['money.balance_mismatch', idle]],
  },
  {
    name: 'a negative balance that the ledger agrees with',
    sql: {
      user: `update users set balance = balance - 100, opening_balance = opening_balance - 100 where id = '${idle}'`,
    },
    finds: [['money.balance_negative', idle]],
  },
  {
    name: 'a user removed under the ledger',
    sql: { user: `delete from users where id = '${rich}'` },
    finds: [['money.unknown_user', rich]],
  },
  {
    name: 'a stock counted down by hand',
    sql: { product: `update products set stock = stock - 1 where id = '${lamp}'` },
    finds: [['stock.count_mismatch', lamp]],
  },
  {
    name: 'a negative stock that the movements agree with',
    sql: {
      product: `update products set stock = stock - 100, opening_stock = opening_stock - 100 where id = '${lamp}'`,
    },
    finds: [['stock.negative', lamp]],
  },
  {
    name: 'a restock forgotten',
    sql: { product: `delete from stock_movements where kind = 'RESTOCK'` },
    finds: [['stock.count_mismatch', desk]],
  },
  {
    name: 'a product removed under its movements',
    sql: { product: `delete from products where id = '${desk}'` },
    finds: [['stock.unknown_product', desk]],
  },
  {
    name: 'debited twice, the balance too',
    sql: {
      user: `${again('ledger', ledgerColumns, debit)};
        update users set balance = balance - 5600 where id = '${rich}'`,
    },
    finds: [['money.double_debit', bought]],
  },
  {
    name: 'a second debit in the ledger alone',
    sql: { user: `${again('ledger', ledgerColumns, debit)}` },
    finds: [
      ['money.double_debit', bought],
      ['money.balance_mismatch', rich],
    ],
  },
  {
    name: 'refunded twice',
    sql: {
      user: `${again('ledger', ledgerColumns, `order_id = '${expiredAfterDebit}' and kind = 'REFUND'`)};
        update users set balance = balance + 5600 where id = '${rich}'`,
    },
    finds: [['money.double_refund', expiredAfterDebit]],
  },
  {
    name: 'refunded less than debited',
    sql: {
      user: `update ledger set amount = amount - 1 where order_id = '${expiredAfterDebit}' and kind = 'REFUND';
        update users set balance = balance - 1 where id = '${rich}'`,
    },
    finds: [['money.refund_mismatch', expiredAfterDebit]],
  },
  {
    name: 'a payment that says another amount than the ledger',
    sql: { user: `update payments set amount = 1 where order_id = '${bought}'` },
    finds: [['money.payment_mismatch', bought]],
  },
  {
    name: 'a payment removed',
    sql: { user: `delete from payments where order_id = '${boughtByRpc}'` },
    finds: [['money.payment_mismatch', boughtByRpc]],
  },
  {
    name: 'one line reserved twice, the stock too',
    sql: {
      product: `${again('stock_movements', movementColumns, `${reserve} and product_id = '${lamp}'`)};
        update products set stock = stock - 2 where id = '${lamp}'`,
    },
    finds: [['stock.double_reserve', bought]],
  },
  {
    name: 'released twice',
    sql: {
      product: `insert into stock_movements (${movementColumns}) select ${movementColumns} from stock_movements
          where order_id = '${tooDear}' and kind = 'RELEASE' and product_id = '${desk}';
        update products set stock = stock + 1 where id = '${desk}'`,
    },
    finds: [['stock.double_release', tooDear]],
  },
  {
    name: 'one line of a failed order not released',
    sql: {
      product: `delete from stock_movements where order_id = '${tooDear}' and kind = 'RELEASE' and product_id = '${desk}';
        update products set stock = stock - 1 where id = '${desk}'`,
    },
    finds: [['stock.release_mismatch', tooDear]],
  },
  {
    name: 'a reservation with another total than its lines',
    sql: { product: `update reservations set total = 1 where order_id = '${bought}'` },
    finds: [['stock.reservation_mismatch', bought]],
  },
  {
    name: 'a reservation set to released by hand',
    sql: { product: `update reservations set status = 'RELEASED' where order_id = '${boughtByRpc}'` },
    finds: [['stock.reservation_mismatch', boughtByRpc]],
  },
  {
    name: 'a second ending in the history',
    sql: {
      order: `insert into order_status_history (order_id, status, reason) values ('${bought}', 'FAILED', 'expired')`,
    },
    finds: [['order.two_endings', bought]],
  },
  {
    name: 'a status flipped by hand',
    sql: { order: setOrder(`status = 'FAILED', reason = 'cancelled', total = null`, bought) },
    finds: [['order.history_mismatch', bought]],
  },
  {
    name: 'a status flipped by hand in RPC mode',
    sql: { order: setOrder(`status = 'SUCCESS', reason = null, total = 300`, undoneByRpc) },
    finds: [['order.history_mismatch', undoneByRpc]],
  },
  {
    name: 'an ended order set back to PROCESSING',
    sql: { order: setOrder(`status = 'PROCESSING', total = null`, bought) },
    finds: [['order.history_mismatch', bought]],
  },
  {
    name: 'a history without its ending',
    sql: { order: `delete from order_status_history where order_id = '${bought}' and status = 'SUCCESS'` },
    finds: [['order.history_mismatch', bought]],
  },
  {
    name: 'a failure without its reason',
    sql: { order: `${setOrder('reason = null', outOfStock)}` },
    finds: [['order.reason_mismatch', outOfStock]],
  },
  {
    name: 'a failure with another reason than it had',
    sql: { order: setOrder(`reason = 'cancelled'`, outOfStock) },
    finds: [['order.history_mismatch', outOfStock]],
  },
  {
    name: 'a state change without its event',
    sql: { order: dropRow('OrderSucceeded', bought) },
    finds: [['outbox.missing', bought]],
  },
  {
    name: 'an order that was never announced',
    sql: { order: dropRow('OrderPlaced', bought) },
    finds: [['outbox.missing', bought]],
  },
  {
    name: 'a refusal that was never said',
    sql: { product: dropRow('StockRejected', outOfStock) },
    finds: [['outbox.missing', outOfStock]],
  },
  {
    name: 'a release that was never said',
    sql: { product: dropRow('StockReleased', tooDear) },
    finds: [['outbox.missing', tooDear]],
  },
  {
    name: 'said twice under two ids',
    sql: { user: newEvent('BalanceRefunded', expiredAfterDebit, 'EX_USER', 'update.balance') },
    finds: [['outbox.doubled', expiredAfterDebit]],
  },
  {
    name: 'a success announced for an order that failed',
    sql: { order: newEvent('OrderSucceeded', outOfStock, 'EX_ORDER', 'update.order', '{"total": 1}') },
    finds: [['outbox.unfounded', outOfStock]],
  },
  {
    name: 'an event for an order in RPC mode that does not fit its state',
    sql: { user: newEvent('BalanceRefunded', boughtByRpc, 'EX_USER', 'update.balance') },
    finds: [['outbox.unfounded', boughtByRpc]],
  },
  {
    name: 'an event that says another amount',
    sql: {
      user: `update outbox set payload = jsonb_set(payload, '{amount}', '1')
        where type = 'BalanceDebited' and aggregate_id = '${bought}'`,
    },
    finds: [['outbox.wrong_content', bought]],
  },
  {
    name: 'an event with another routing key',
    sql: {
      product: `update outbox set routing_key = 'update.cancel' where type = 'StockReleased' and aggregate_id = '${tooDear}'`,
    },
    finds: [['outbox.wrong_address', tooDear]],
  },
  {
    name: 'an event in the wrong exchange',
    sql: {
      user: `update outbox set exchange = 'EX_ORDER' where type = 'BalanceDebited' and aggregate_id = '${bought}'`,
    },
    finds: [['outbox.wrong_address', bought]],
  },
  {
    name: 'stock reserved and money taken for an order that does not exist',
    sql: {
      product: `insert into reservations (order_id, status, total, created_at) values ('${stranger}', 'RESERVED', 300, ${ago(9)});
        insert into stock_movements (${movementColumns}) values ('${lamp}', '${stranger}', 'RESERVE', 1, 300, ${ago(9)});
        update products set stock = stock - 1 where id = '${lamp}'`,
      user: `insert into payments (order_id, user_id, status, amount, created_at) values ('${stranger}', '${rich}', 'DEBITED', 300, ${ago(9)});
        insert into ledger (${ledgerColumns}) values ('${rich}', '${stranger}', 'DEBIT', 300, ${ago(9)});
        update users set balance = balance - 300 where id = '${rich}'`,
    },
    finds: [['order.missing', stranger]],
  },
  {
    name: 'an order deleted under its effects',
    sql: {
      order: `delete from orders where id = '${bought}'; delete from order_items where order_id = '${bought}'`,
    },
    finds: [['order.missing', bought]],
  },
  {
    name: 'an effect whose inbox row is gone',
    sql: { user: forgetCauseOf('BalanceDebited', bought) },
    finds: [['inbox.missing', bought]],
  },
  {
    name: 'an inbox row twice',
    sql: {
      product: `insert into inbox select * from inbox where event_id = (select min(event_id::text)::uuid from inbox)`,
    },
    finds: [['inbox.doubled', '-']],
  },
  {
    name: 'handled, and nothing came of it',
    sql: {
      user: `delete from ledger where order_id = '${bought}'; delete from payments where order_id = '${bought}';
        ${dropRow('BalanceDebited', bought)}; update users set balance = balance + 5600 where id = '${rich}'`,
    },
    finds: [
      ['event.unanswered', bought],
      ['money.not_taken', bought],
      ['event.unknown', bought],
    ],
  },
  {
    name: 'PROCESSING for an hour',
    sql: {
      order: `insert into orders (id, user_id, mode, created_at) values ('${stranger}', '${rich}', 'rpc', ${ago(60)});
        insert into order_items (order_id, position, product_id, quantity) values ('${stranger}', 0, '${lamp}', 1);
        insert into order_status_history (order_id, status) values ('${stranger}', 'PROCESSING')`,
    },
    finds: [['order.stuck', stranger]],
  },
  {
    name: 'a success in RPC mode that nobody paid',
    sql: {
      user: `delete from ledger where order_id = '${boughtByRpc}'; delete from payments where order_id = '${boughtByRpc}';
        update users set balance = balance + 5600 where id = '${rich}'`,
    },
    finds: [['money.not_taken', boughtByRpc]],
  },
  {
    name: 'a failure in RPC mode that was never undone',
    sql: {
      product: `delete from stock_movements where order_id = '${undoneByRpc}' and kind = 'RELEASE';
        update reservations set status = 'RESERVED' where order_id = '${undoneByRpc}';
        update products set stock = stock - 1 where id = '${lamp}'`,
      user: `delete from ledger where order_id = '${undoneByRpc}' and kind = 'REFUND';
        update payments set status = 'DEBITED' where order_id = '${undoneByRpc}';
        update users set balance = balance - 300 where id = '${rich}'`,
    },
    finds: [
      ['money.held', undoneByRpc],
      ['stock.held', undoneByRpc],
    ],
  },
  {
    name: 'another amount debited than was due',
    sql: {
      user: `update ledger set amount = 5601 where ${debit}; update users set balance = balance - 1 where id = '${rich}'`,
    },
    finds: [['money.wrong_amount', bought]],
  },
  {
    name: 'somebody else debited',
    sql: {
      user: `update ledger set user_id = '${idle}' where ${debit};
        update users set balance = balance + 5600 where id = '${rich}';
        update users set opening_balance = opening_balance + 5600 where id = '${idle}'`,
    },
    finds: [['money.wrong_user', bought]],
  },
  {
    name: 'a success refunded in the ledger alone',
    sql: {
      user: `insert into ledger (${ledgerColumns}) values ('${rich}', '${bought}', 'REFUND', 5600, ${ago(9)});
        update users set balance = balance + 5600 where id = '${rich}'`,
    },
    finds: [['money.refunded_after_success', bought]],
  },
  {
    name: 'a success with nothing reserved',
    sql: {
      product: `delete from stock_movements where order_id = '${bought}';
        update products set stock = stock + 2 where id = '${lamp}'; update products set stock = stock + 1 where id = '${desk}'`,
    },
    finds: [['stock.not_reserved', bought]],
  },
  {
    name: 'a success with fewer pieces reserved than ordered',
    sql: {
      product: `update stock_movements set quantity = 1 where ${reserve} and product_id = '${lamp}';
        update products set stock = stock + 1 where id = '${lamp}'`,
    },
    finds: [['stock.wrong_lines', bought]],
  },
  {
    name: 'a line of an order changed by hand',
    sql: {
      order: `update order_items set quantity = 3 where order_id = '${bought}' and product_id = '${lamp}'`,
    },
    finds: [['stock.wrong_lines', bought]],
  },
  {
    name: 'a success released',
    sql: {
      product: `insert into stock_movements (${movementColumns}) select product_id, order_id, 'RELEASE', quantity, unit_price, created_at
          from stock_movements where ${reserve};
        update products set stock = stock + 2 where id = '${lamp}'; update products set stock = stock + 1 where id = '${desk}'`,
    },
    finds: [['stock.released_after_success', bought]],
  },
  {
    name: 'a total changed by hand',
    sql: { order: setOrder('total = 5599', bought) },
    finds: [['order.wrong_total', bought]],
  },
  {
    name: 'a price changed by hand',
    sql: {
      order: `update order_items set unit_price = 1 where order_id = '${bought}' and product_id = '${lamp}'`,
    },
    finds: [['order.wrong_prices', bought]],
  },
  {
    name: 'an order without lines',
    sql: { order: `delete from order_items where order_id = '${outOfStock}'` },
    finds: [['order.no_lines', outOfStock]],
  },
  {
    name: 'an event that the relay left behind',
    sql: {
      order: `update outbox set published_at = null where type = 'OrderSucceeded' and aggregate_id = '${bought}'`,
    },
    finds: [['event.unpublished', bought]],
  },
  {
    name: 'a parked event',
    sql: {
      user: `update outbox set published_at = null, parked_at = now(), attempts = 6, last_error = 'no queue'
        where type = 'BalanceRefunded' and aggregate_id = '${expiredAfterDebit}'`,
    },
    finds: [['event.parked', expiredAfterDebit]],
  },
  {
    name: 'a later event published before an earlier one',
    sql: {
      order: `update outbox set published_at = null where type = 'OrderPlaced' and aggregate_id = '${tooDear}'`,
    },
    finds: [['event.overtaken', tooDear]],
  },
  {
    name: 'two events with one id',
    sql: {
      user: `update outbox set event_id = (select event_id from outbox where type = 'BalanceDebited' and aggregate_id = '${expiredAfterDebit}')
          where type = 'BalanceRefunded' and aggregate_id = '${expiredAfterDebit}'`,
    },
    finds: [['outbox.duplicate_id', expiredAfterDebit]],
  },
  {
    name: 'a forged event that was handled',
    sql: {
      user: `insert into inbox (consumer, event_id, handled_at) values ('user.events', gen_random_uuid(), ${ago(9)})`,
    },
    finds: [['event.unknown', '-']],
  },
  {
    name: 'a failure that the broker lost before user heard of it',
    // User heard of the second order's failure after the first order's reservation.
    sql: {
      user: 'delete from inbox where event_id = (select event_id from inbox order by event_id offset 1 limit 1)',
    },
    finds: [['event.unhandled', outOfStock]],
  },
  {
    name: 'a failure that the broker lost, with money and stock held',
    sql: {
      user: `${forgetCauseOf('BalanceRefunded', expiredAfterDebit)}; ${dropRow('BalanceRefunded', expiredAfterDebit)};
        delete from ledger where order_id = '${expiredAfterDebit}' and kind = 'REFUND';
        update payments set status = 'DEBITED' where order_id = '${expiredAfterDebit}';
        update users set balance = balance - 5600 where id = '${rich}'`,
      product: `${forgetCauseOf('StockReleased', expiredAfterDebit)}; ${dropRow('StockReleased', expiredAfterDebit)};
        delete from stock_movements where order_id = '${expiredAfterDebit}' and kind = 'RELEASE';
        update reservations set status = 'RESERVED' where order_id = '${expiredAfterDebit}';
        update products set stock = stock - 2 where id = '${lamp}'; update products set stock = stock - 1 where id = '${desk}'`,
    },
    finds: [
      ['event.unhandled', expiredAfterDebit],
      ['event.unhandled', expiredAfterDebit],
      ['money.held', expiredAfterDebit],
      ['stock.held', expiredAfterDebit],
    ],
  },
  {
    name: 'a cancelled order whose late cause product never handled',
    sql: {
      product: `${forgetCauseOf('StockRejected', cancelledEarly)}; ${dropRow('StockRejected', cancelledEarly)}`,
      // What order heard last of those that it had no answer to.
      order: `delete from inbox where event_id = (select event_id from inbox where event_id not in (
        select (headers ->> 'cloudEvents:causationid')::uuid from outbox where headers ? 'cloudEvents:causationid')
        order by event_id desc limit 1)`,
    },
    finds: [['event.unhandled', cancelledEarly]],
  },
]

import { asked, on, table } from '../../shared/saga/index.ts'
import {
  type CancelOrder,
  cancelOrder,
  confirmOrder,
  type ExpireOrder,
  expireOrder,
  type PlaceOrder,
  placeOrder,
  rejectOrder,
} from './domain.ts'
import { orderStore } from './store.ts'

/** Order is asked three things and hears three; only here does an order become terminal. */
export const choreography = table(orderStore, [
  //                  when this happens   decide         and say one of
  asked<PlaceOrder>()('PlaceOrder', placeOrder, ['OrderPlaced']),
  on('StockRejected', rejectOrder, ['OrderFailed']),
  on('BalanceRejected', rejectOrder, ['OrderFailed']),
  on('BalanceDebited', confirmOrder, ['OrderSucceeded']),
  asked<CancelOrder>()('CancelOrder', cancelOrder, ['OrderFailed']),
  asked<ExpireOrder>()('ExpireOrder', expireOrder, ['OrderFailed']),
])

import { on, table } from '../../shared/saga/index.ts'
import { debitBalance, refundBalance } from './domain.ts'
import { balanceStore } from './store.ts'

/** User hears two things, and answers what it did. */
export const choreography = table(balanceStore, [
  // when this happens    decide         and say one of
  on('StockReserved', debitBalance, ['BalanceDebited', 'BalanceRejected']),
  on('OrderFailed', refundBalance, ['BalanceRefunded']),
])

import { on, table } from '../../shared/saga/index.ts'
import { releaseStock, reserveStock } from './domain.ts'
import { stockStore } from './store.ts'

/** Product hears two things, and answers what it did. */
export const choreography = table(stockStore, [
  // when this happens  decide        and say one of
  on('OrderPlaced', reserveStock, ['StockReserved', 'StockRejected']),
  on('OrderFailed', releaseStock, ['StockReleased']),
])

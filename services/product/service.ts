import type { Manifest } from '../../shared/service/index.ts'
import { choreography } from './choreography.ts'
import { openProductDatabase, type ProductDatabase } from './database.ts'
import type { StockState } from './domain.ts'
import { productRoutes } from './http.ts'
import { productProcedures } from './procedures.ts'
import type { StockWorld } from './store.ts'

/** The product service: what it reacts to, where it keeps it, what it serves. */
export const product: Manifest<ProductDatabase['client'], StockWorld, StockState> = {
  name: 'product',
  choreography,
  openDatabase: openProductDatabase,
  assemble: ({ database, askSilently, rpc, log }) => ({
    routes: productRoutes(database),
    procedures: productProcedures({ askSilently, rpc, log }),
    commands: [],
  }),
}

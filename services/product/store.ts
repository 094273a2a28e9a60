import type { EventData, Line } from '../../shared/contracts/index.ts'
import { lockNames, type Sql } from '../../shared/database/index.ts'
import type { Input, Store } from '../../shared/saga/index.ts'
import type { Reservation, StockedProduct, StockState } from './domain.ts'
import { type Movement, saveStock, selectProductsForUpdate, selectReservations } from './statements.ts'

export interface StockWorld {
  reservations: Map<string, Reservation>
  products: Map<string, StockedProduct>
  /** As loaded: what differs from it at the end is written. */
  before: { reservations: ReadonlyMap<string, Reservation>; products: ReadonlyMap<string, StockedProduct> }
}

const orderOf = (input: Input) => (input.data as { orderId: string }).orderId
const linesOf = (input: Input): readonly Line[] =>
  input.type === 'OrderPlaced' ? (input.data as EventData<'OrderPlaced'>).items : []
const heldBy = (reservation: Reservation | undefined): readonly Line[] =>
  reservation === undefined || reservation.status === 'REJECTED' ? [] : reservation.items

/**
 * Reservations and the products they concern. An order is locked by its id even before it has a row, so that two batches
 * never both find nothing; every read is a statement of its own after the lock, and so sees what the last holder committed.
 */
export const stockStore: Store<Sql, StockWorld, StockState> = {
  async load(tx, inputs) {
    const orderIds = [...new Set(inputs.map(orderOf))]
    const productIds = [...new Set(inputs.flatMap(linesOf).map(({ productId }) => productId))]
    const [, reservations, products] = await Promise.all([
      lockNames(tx, orderIds),
      selectReservations(tx, orderIds),
      selectProductsForUpdate(tx, { productIds, orderIds }),
    ])
    return {
      reservations,
      products,
      before: { reservations: new Map(reservations), products: new Map(products) },
    }
  },

  read(world, input) {
    const orderId = orderOf(input)
    const reservation = world.reservations.get(orderId)
    const ids = [...linesOf(input), ...heldBy(reservation)].map(({ productId }) => productId)
    const products = ids.flatMap((id) => world.products.get(id) ?? []).map((it) => [it.id, it] as const)
    return { orderId, reservation, products: new Map(products) }
  },

  write(world, { orderId, reservation, products }) {
    if (reservation !== undefined) world.reservations.set(orderId, reservation)
    for (const [id, product] of products) world.products.set(id, product)
  },

  async save(tx, { reservations, products, before }) {
    const changed = [...reservations].filter(([id, it]) => it !== before.reservations.get(id))
    if (changed.length === 0) return
    await saveStock(tx, {
      reservations: changed,
      movements: changed.flatMap(([id, it]) => movementsOf(id, it, before.reservations.get(id))),
      products: [...products.values()].filter((it) => it.stock !== before.products.get(it.id)?.stock),
    })
  },
}

/** A reservation made and released in one batch has both rows, as if it had been two batches. */
const movementsOf = (orderId: string, after: Reservation, before: Reservation | undefined): Movement[] => {
  if (after.status === 'REJECTED') return []
  const rows = (kind: Movement['kind']) => after.items.map((line) => ({ ...line, orderId, kind }))
  return [
    ...(before === undefined ? rows('RESERVE') : []),
    ...(after.status === 'RELEASED' ? rows('RELEASE') : []),
  ]
}

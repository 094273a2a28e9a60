import { exact, type Sql } from '../../shared/database/index.ts'
import { Refused } from '../../shared/failure/index.ts'
import { type Product, raiseStock, unknownProduct } from './records.ts'

/** What a PostgreSQL integer holds. */
export const maxStock = 2_147_483_647

/**
 * Adds to the stock, with its row among the movements. What a product ever had, opening stock and restocks together, stays
 * within maxStock: so whatever is released later fits, and no release is ever stuck.
 */
export const restock = async (tx: Sql, id: string, quantity: number): Promise<Product> => {
  const everHad = await lockEverHad(tx, id)
  if (everHad + quantity > maxStock) {
    throw new Refused(
      'mismatch',
      `Product ${id} may have had ${maxStock} pieces in all, and had ${everHad}.`,
      {
        code: 'product.stock_limit',
        next: 'Restock less, or create another product.',
      },
    )
  }
  await insertRestock(tx, id, quantity)
  return raiseStock(tx, id, quantity)
}

const lockEverHad = async (tx: Sql, id: string): Promise<number> => {
  const locked = await tx.$queryRawUnsafe<{ opening: number }[]>(
    'select opening_stock as opening from products where id = $1::uuid and deleted_at is null for update',
    id,
  )
  if (locked[0] === undefined) throw unknownProduct(id)
  // A statement of its own after the lock, so that it sees the restock waited for.
  const [restocked] = await tx.$queryRawUnsafe<{ quantity: bigint }[]>(
    `select coalesce(sum(quantity), 0)::bigint as quantity from stock_movements
     where product_id = $1::uuid and kind = 'RESTOCK'`,
    id,
  )
  return locked[0].opening + exact(restocked?.quantity ?? 0)
}

const insertRestock = (tx: Sql, id: string, quantity: number) =>
  tx.$executeRawUnsafe(
    `insert into stock_movements (product_id, kind, quantity) values ($1::uuid, 'RESTOCK', $2::integer)`,
    id,
    quantity,
  )

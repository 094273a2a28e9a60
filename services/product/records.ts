import { exact, type Sql } from '../../shared/database/index.ts'
import { Refused } from '../../shared/failure/index.ts'

/** A product as everyone may see it; price in minor units. */
export interface Product {
  id: string
  name: string
  price: number
  stock: number
  createdAt: Date
  updatedAt: Date
}

const columns = 'id, name, price, stock, created_at as "createdAt", updated_at as "updatedAt"'

type Row = Omit<Product, 'price'> & { price: bigint }
const products = (rows: readonly Row[]): Product[] => rows.map((row) => ({ ...row, price: exact(row.price) }))

/** The one product of a statement; throws Refused when it is unknown or deleted. */
const only = (id: string, rows: readonly Row[]): Product => {
  const [product] = products(rows)
  if (product === undefined) throw unknownProduct(id)
  return product
}

export const unknownProduct = (id: string) =>
  new Refused('not_found', `There is no product ${id}.`, {
    code: 'product.not_found',
    next: 'GET /products lists all of them.',
  })

export const insertProduct = async (
  sql: Sql,
  { id, name, price, stock }: Pick<Product, 'id' | 'name' | 'price' | 'stock'>,
): Promise<Product> =>
  only(
    id,
    await sql.$queryRawUnsafe<Row[]>(
      `insert into products (id, name, price, stock, opening_stock, updated_at)
       values ($1::uuid, $2, $3::bigint, $4::integer, $4::integer, clock_timestamp())
       returning ${columns}`,
      id,
      name,
      price,
      stock,
    ),
  )

export const selectProduct = async (sql: Sql, id: string): Promise<Product> =>
  only(
    id,
    await sql.$queryRawUnsafe<Row[]>(
      `select ${columns} from products where id = $1::uuid and deleted_at is null`,
      id,
    ),
  )

/** Newest first; `after` is the id of the last one seen. Deleted ones are left out. */
export const selectProducts = async (
  sql: Sql,
  { limit, after }: { limit: number; after?: string | undefined },
): Promise<Product[]> =>
  products(
    await sql.$queryRawUnsafe<Row[]>(
      `select ${columns} from products
       where deleted_at is null and ($1::uuid is null or id < $1::uuid)
       order by id desc limit $2::integer`,
      after ?? null,
      limit,
    ),
  )

/** Orders placed before keep the price they were reserved at. */
export const updateProduct = async (
  sql: Sql,
  id: string,
  { name, price }: { name?: string | undefined; price?: number | undefined },
): Promise<Product> =>
  only(
    id,
    await sql.$queryRawUnsafe<Row[]>(
      `update products set name = coalesce($2, name), price = coalesce($3::bigint, price)
       where id = $1::uuid and deleted_at is null
       returning ${columns}`,
      id,
      name ?? null,
      price ?? null,
    ),
  )

/** Part of a restock: see restock.ts. */
export const raiseStock = async (tx: Sql, id: string, quantity: number): Promise<Product> =>
  only(
    id,
    await tx.$queryRawUnsafe<Row[]>(
      `update products set stock = stock + $2::integer where id = $1::uuid returning ${columns}`,
      id,
      quantity,
    ),
  )

/** The row stays for its history; throws Refused when it is unknown or deleted before. */
export const deleteProduct = async (sql: Sql, id: string): Promise<void> => {
  const deleted = await sql.$executeRawUnsafe(
    'update products set deleted_at = clock_timestamp() where id = $1::uuid and deleted_at is null',
    id,
  )
  if (deleted === 0) throw unknownProduct(id)
}

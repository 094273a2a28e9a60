import { v7 as uuidv7 } from 'uuid'
import { z } from 'zod'
import { Id } from '../../shared/contracts/index.ts'
import { Cursor, Limit, Page, page, type Route, route, Text } from '../../shared/http/index.ts'
import type { ProductDatabase } from './database.ts'
import {
  deleteProduct,
  insertProduct,
  type Product,
  selectProduct,
  selectProducts,
  updateProduct,
} from './records.ts'
import { maxStock, restock } from './restock.ts'

/** Minor units: enough for anything on sale, and small enough that a few thousand of it stay exact. */
const Price = z.int().min(0).max(1_000_000_000_000)
const Stock = z.int().min(0).max(maxStock)
const Name = Text(200)

const ProductBody = z.object({
  id: Id,
  name: z.string(),
  price: Price,
  stock: Stock,
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
})

const NewProduct = z.strictObject({ name: Name, price: Price, stock: Stock })
const ProductChange = z
  .strictObject({ name: Name.optional(), price: Price.optional() })
  .refine(({ name, price }) => name !== undefined || price !== undefined, 'must change name or price')
const Restock = z.strictObject({ quantity: z.int().min(1).max(maxStock) })

const one = z.object({ id: Id })
const list = z.object({ limit: Limit, cursor: Cursor('products', z.tuple([Id])).optional() })

const bodyOf = (product: Product): z.output<typeof ProductBody> => ({
  ...product,
  createdAt: product.createdAt.toISOString(),
  updatedAt: product.updatedAt.toISOString(),
})

/** What the product service serves; lists are newest first, and a deleted product is not found. */
export const productRoutes = (database: ProductDatabase, newId: () => string = uuidv7): Route[] => [
  offerProduct(database, newId),
  listProducts(database),
  getProduct(database),
  changeProduct(database),
  restockProduct(database),
  withdrawProduct(database),
]

const offerProduct = ({ client }: ProductDatabase, newId: () => string) =>
  route({
    method: 'POST',
    path: '/products',
    summary: 'Offer a product',
    body: NewProduct,
    answers: { 201: ProductBody },
    answerHeaders: { Location: 'The address of the product' },
    handle: async ({ body }) => {
      const product = await insertProduct(client, { id: newId(), ...body })
      return { status: 201, body: bodyOf(product), headers: { Location: `/products/${product.id}` } }
    },
  })

const listProducts = ({ client }: ProductDatabase) =>
  route({
    method: 'GET',
    path: '/products',
    summary: 'List products, newest first',
    query: list,
    answers: { 200: Page(ProductBody) },
    handle: async ({ query: { limit, cursor } }) => ({
      status: 200,
      body: await page({
        kind: 'products',
        limit,
        select: (atMost) => selectProducts(client, { limit: atMost, after: cursor?.[0] }),
        positionOf: ({ id }) => [id],
        bodyOf,
      }),
    }),
  })

const getProduct = ({ client }: ProductDatabase) =>
  route({
    method: 'GET',
    path: '/products/:id',
    summary: 'Read a product',
    params: one,
    answers: { 200: ProductBody },
    handle: async ({ params }) => ({ status: 200, body: bodyOf(await selectProduct(client, params.id)) }),
  })

const changeProduct = ({ client }: ProductDatabase) =>
  route({
    method: 'PATCH',
    path: '/products/:id',
    summary: 'Rename or re-price a product; orders placed before keep their price',
    params: one,
    body: ProductChange,
    answers: { 200: ProductBody },
    handle: async ({ params, body }) => ({
      status: 200,
      body: bodyOf(await updateProduct(client, params.id, body)),
    }),
  })

const restockProduct = ({ transaction }: ProductDatabase) =>
  route({
    method: 'POST',
    path: '/products/:id/restock',
    summary: 'Add to the stock of a product',
    params: one,
    body: Restock,
    answers: { 200: ProductBody },
    refusals: { 422: 'More than a product may have had in all' },
    handle: async ({ params, body }) => ({
      status: 200,
      body: bodyOf(await transaction((tx) => restock(tx, params.id, body.quantity))),
    }),
  })

const withdrawProduct = ({ client }: ProductDatabase) =>
  route({
    method: 'DELETE',
    path: '/products/:id',
    summary: 'Take a product off sale; its history stays',
    params: one,
    answers: { 204: null },
    handle: async ({ params }) => {
      await deleteProduct(client, params.id)
      return { status: 204 }
    },
  })

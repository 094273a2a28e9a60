import type { Answer } from './http-client.ts'
import type { System } from './with-system.ts'

export interface OrderBody {
  id: string
  userId: string
  status: 'PROCESSING' | 'SUCCESS' | 'FAILED'
  reason: string | null
  mode: string
  items: { productId: string; quantity: number; unitPrice: number | null }[]
  total: number | null
  createdAt: string
  updatedAt: string
}
export interface Line {
  productId: string
  quantity: number
}

const created = async (answer: Promise<Answer>): Promise<string> => {
  const { status, body, text } = await answer
  if (status !== 201) throw new Error(`not created: ${status} ${text}`)
  return String(body.id)
}

/** Creates a user over REST and answers the id; balance in minor units. */
export const addUser = ({ user }: System, balance = 1_000_000): Promise<string> =>
  created(user.post('/users', { name: 'Ada', email: 'ada@example.org', balance }))

export const addProduct = ({ product }: System, stock = 1_000_000, price = 100): Promise<string> =>
  created(product.post('/products', { name: 'Tea', price, stock }))

/** Places an order and answers what the service said. */
export const place = (
  { order }: System,
  userId: string,
  items: readonly Line[],
  headers: Record<string, string> = {},
): Promise<Answer<OrderBody>> => order.call<OrderBody>('POST', '/orders', { userId, items }, headers)

/** Places orders of one piece all at once, the users in turn; throws when one is not accepted. */
export const placeMany = async (
  system: System,
  count: number,
  userIds: readonly string[],
  productId: string,
): Promise<void> => {
  const items = [{ productId, quantity: 1 }]
  const placed = Array.from({ length: count }, (_, n) =>
    place(system, userIds[n % userIds.length] as string, items),
  )
  const refused = (await Promise.all(placed)).find(({ status }) => status !== 202 && status !== 201)
  if (refused) throw new Error(`not accepted: ${refused.status} ${refused.text}`)
}

/** Places an order and waits for its end, as a patient client would. */
export const placeAndWait = async (
  system: System,
  userId: string,
  items: readonly Line[],
): Promise<OrderBody> => {
  const { body } = await place(system, userId, items, { Prefer: 'wait=20' })
  return body
}

export const getOrder = async ({ order }: System, id: string): Promise<OrderBody> =>
  (await order.call<OrderBody>('GET', `/orders/${id}`)).body

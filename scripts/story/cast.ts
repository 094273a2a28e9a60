import { z } from 'zod'

/** Who appears in the story, what they need to have, and what they find. Money in minor units. */
const rich = { name: 'Ada', email: 'ada@example.com', needs: 20_000, opening: 50_000 }
const poor = { name: 'Bob', email: 'bob@example.com', needs: 0, opening: 1_000 }
const chair = { name: 'chair', price: 4_500, needs: 5, opening: 20 }
const piano = { name: 'piano', price: 900_000, needs: 0, opening: 1 }

const Person = z.object({ id: z.string(), name: z.string(), email: z.string(), balance: z.number() })
const Thing = z.object({ id: z.string(), name: z.string(), price: z.number(), stock: z.number() })
export type Person = z.infer<typeof Person>
export type Thing = z.infer<typeof Thing>

export interface Cast {
  ada: Person
  bob: Person
  chair: Thing
  piano: Thing
}

export interface Urls {
  user: string
  product: string
  order: string
}

const call = async (url: string, body?: unknown): Promise<unknown> => {
  const init = {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  }
  const response = await fetch(url, body === undefined ? {} : init)
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`)
  return response.json()
}

const listed = async <T extends z.ZodType>(url: string, type: T): Promise<z.output<T>[]> =>
  z.object({ items: z.array(type) }).parse(await call(`${url}?limit=100`)).items

/**
 * The users and products of the story: found by name, created when they are not there, and topped up so that the first order can be
 * paid and delivered again. Returns them as they are now.
 */
export const assemble = async (urls: Urls): Promise<Cast> => {
  const people = await listed(`${urls.user}/users`, Person)
  const things = await listed(`${urls.product}/products`, Thing)

  const person = async ({ name, email, needs, opening }: typeof rich) => {
    const found = people.find((it) => it.name === name && it.email === email)
    if (found === undefined)
      return Person.parse(await call(`${urls.user}/users`, { name, email, balance: opening }))
    if (found.balance >= needs) return found
    return Person.parse(await call(`${urls.user}/users/${found.id}/deposits`, { amount: opening }))
  }
  const thing = async ({ name, price, needs, opening }: typeof chair) => {
    const found = things.find((it) => it.name === name && it.price === price)
    if (found === undefined)
      return Thing.parse(await call(`${urls.product}/products`, { name, price, stock: opening }))
    if (found.stock >= needs) return found
    return Thing.parse(await call(`${urls.product}/products/${found.id}/restock`, { quantity: opening }))
  }
  return {
    ada: await person(rich),
    bob: await person(poor),
    chair: await thing(chair),
    piano: await thing(piano),
  }
}

export interface Scene {
  title: string
  userId: string
  items: { productId: string; quantity: number }[]
  expected: { status: 'SUCCESS' | 'FAILED'; reason: string | null }
}

/** Three orders: one succeeds, one lacks stock, one lacks money and has to be compensated. */
export const scenes = ({ ada, bob, chair: seat, piano: grand }: Cast): Scene[] => [
  {
    title: `Ada orders 2 chairs. There are ${seat.stock}, and she has ${money(ada.balance)}.`,
    userId: ada.id,
    items: [{ productId: seat.id, quantity: 2 }],
    expected: { status: 'SUCCESS', reason: null },
  },
  {
    title: `Ada orders ${grand.stock + 1} pianos. There ${grand.stock === 1 ? 'is' : 'are'} only ${grand.stock}.`,
    userId: ada.id,
    items: [{ productId: grand.id, quantity: grand.stock + 1 }],
    expected: { status: 'FAILED', reason: 'out_of_stock' },
  },
  {
    title: `Bob orders 1 chair for ${money(seat.price)}. He has ${money(bob.balance)}: what is reserved must be given back.`,
    userId: bob.id,
    items: [{ productId: seat.id, quantity: 1 }],
    expected: { status: 'FAILED', reason: 'insufficient_balance' },
  },
]

/** Minor units as people write them. */
export const money = (minor: number): string =>
  `${Math.trunc(minor / 100).toLocaleString('en')}.${String(minor % 100).padStart(2, '0')}`

import { createHash } from 'node:crypto'
import { z } from 'zod'

/** `limit` of a list: 1 to 100, 20 when not said. */
export const Limit = z
  .string()
  .regex(/^([1-9]\d?|100)$/, 'must be a whole number from 1 to 100')
  .meta({ description: '1 to 100, 20 when not said', examples: ['50'] })
  .transform(Number)
  .default(20)

const checksum = (text: string) => createHash('sha256').update(text).digest('base64url').slice(0, 8)

/** An opaque cursor into the list of this kind: where the next page begins. Not a secret, only not to be made by hand. */
export const encodeCursor = (kind: string, position: readonly unknown[]): string => {
  const text = JSON.stringify([kind, ...position])
  return Buffer.from(`${checksum(text)}${text}`).toString('base64url')
}

const positionIn = (kind: string, cursor: string): unknown[] | undefined => {
  if (!/^[A-Za-z0-9_-]{1,1024}$/.test(cursor)) return undefined
  const text = Buffer.from(cursor, 'base64url').toString()
  const json = text.slice(8)
  if (checksum(json) !== text.slice(0, 8)) return undefined
  try {
    const [of, ...position] = JSON.parse(json)
    return of === kind ? position : undefined
  } catch {
    return undefined
  }
}

/** `cursor` of a list, as encodeCursor made it for the same kind, read to its position: `Cursor('orders', z.tuple([z.string(), Id]))`. */
export const Cursor = <P extends z.ZodType>(kind: string, position: P) =>
  z.string().transform((cursor, context) => {
    const parsed = position.safeParse(positionIn(kind, cursor))
    if (parsed.success) return parsed.data
    context.issues.push({ code: 'custom', message: 'is not a cursor of this list', input: cursor })
    return z.NEVER
  })

/** What a list answers: the items of one page, and the cursor of the next; null on the last. */
export const Page = <Item extends z.ZodType>(item: Item) =>
  z.object({ items: z.array(item), nextCursor: z.string().nullable() })

export interface PageOptions<Row, Item> {
  /** The same as in the list's Cursor. */
  kind: string
  limit: number
  /** The rows behind the cursor, at most this many: one more than the page holds tells whether another follows. */
  select(atMost: number): Promise<readonly Row[]>
  /** Where a row stands in the list, as the list's Cursor reads it. */
  positionOf(row: Row): readonly unknown[]
  bodyOf(row: Row): Item
}

/** One page of a list, as its Page schema describes it. */
export const page = async <Row, Item>({
  kind,
  limit,
  select,
  positionOf,
  bodyOf,
}: PageOptions<Row, Item>) => {
  const found = await select(limit + 1)
  const rows = found.slice(0, limit)
  const last = found.length > limit ? rows.at(-1) : undefined
  return {
    items: rows.map(bodyOf),
    nextCursor: last === undefined ? null : encodeCursor(kind, positionOf(last)),
  }
}

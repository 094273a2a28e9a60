import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { Cursor, encodeCursor, Page, page } from './index.ts'

const NumbersCursor = Cursor('numbers', z.tuple([z.number()]))
const numbers = (count: number) => Array.from({ length: count }, (_, n) => ({ n }))

/** A list over these rows, read by following its cursors. */
const readThrough = async (rows: readonly { n: number }[], limit: number) => {
  const pages: number[][] = []
  let cursor: string | null | undefined
  while (cursor !== null) {
    const after = cursor === undefined ? -1 : NumbersCursor.parse(cursor)[0]
    const body = await page({
      kind: 'numbers',
      limit,
      select: async (atMost) => rows.filter(({ n }) => n > after).slice(0, atMost),
      positionOf: ({ n }) => [n],
      bodyOf: ({ n }) => n,
    })
    assert.equal(Page(z.number()).parse(body), body)
    pages.push(body.items)
    cursor = body.nextCursor
  }
  return pages
}

test('pages follow each other without gaps or repeats, each full but the last, none empty', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(30), fc.integer({ min: 1, max: 10 }), async (count, limit) => {
      const pages = await readThrough(numbers(count), limit)
      assert.equal(
        pages.flat(),
        numbers(count).map(({ n }) => n),
      )
      for (const full of pages.slice(0, -1)) assert.is(full.length, limit)
      assert.is(pages.length, Math.max(1, Math.ceil(count / limit)))
    }),
  )
})

test('a cursor of another list, or one made by hand, is refused', () => {
  const handmade = Buffer.from('["numbers",3]').toString('base64url')
  for (const cursor of [encodeCursor('letters', [3]), encodeCursor('numbers', ['3']), handmade, '']) {
    const { error } = NumbersCursor.safeParse(cursor)
    assert.is(error?.issues[0]?.message, 'is not a cursor of this list', cursor)
  }
})

test.run()

import type { Snapshot } from './snapshot.ts'

/** Rows of one statement, in its order, a chunk in hand and the next one on its way: memory does not grow with the table. */
export interface Reader<Row> {
  /** The row in hand; undefined at the end. */
  head(): Row | undefined
  /** Lets go of it. Only now and then there is something to wait for. */
  advance(): Promise<void> | undefined
}

const chunkRows = 5_000

/** Opens a reader on a snapshot; `name` is the cursor's, unique within the snapshot. */
export const openReader = async <Row extends object>(
  { client }: Snapshot,
  name: string,
  sql: string,
): Promise<Reader<Row>> => {
  await client.query(`declare ${name} no scroll cursor for ${sql}`)
  const fetch = async () => (await client.query<Row>(`fetch ${chunkRows} from ${name}`)).rows
  let coming: Promise<Row[]> | undefined
  let rows: Row[] = []
  let index = 0
  const refill = async () => {
    rows = coming === undefined ? [] : await coming
    index = 0
    if (rows.length === chunkRows) {
      coming = fetch()
      coming.catch(() => {}) // whoever waits for it is told; if nobody does any more, it does not matter
    } else {
      coming = undefined
      await client.query(`close ${name}`)
    }
  }
  coming = fetch()
  await refill()
  return {
    head: () => rows[index],
    advance() {
      index += 1
      return index >= rows.length && coming !== undefined ? refill() : undefined
    },
  }
}

/** Takes what has the id `key` off the reader if it is next. Rows come in ascending order of `id`. */
export const take = async <Row extends { id: string }>(
  reader: Reader<Row>,
  key: string,
): Promise<Row | undefined> => {
  const row = reader.head()
  if (row === undefined || row.id !== key) return undefined
  // Twice the same id is a finding of its own; here it is one.
  while (reader.head()?.id === key) {
    const waiting = reader.advance()
    if (waiting !== undefined) await waiting
  }
  return row
}

/** The smallest id that any of the readers has next. */
export const nextKey = (readers: readonly Reader<{ id: string }>[]): string | undefined => {
  let least: string | undefined
  for (const reader of readers) {
    const id = reader.head()?.id
    if (id !== undefined && (least === undefined || id < least)) least = id
  }
  return least
}

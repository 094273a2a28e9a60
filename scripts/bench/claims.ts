import pg from 'pg'
import { withClient } from '../../shared/database/migrations/index.ts'

/** What of the claim is in no other statement. */
const mark = 'is_behind_parked'

const claimIn = (asked: unknown): string | undefined => {
  const text = typeof asked === 'string' ? asked : (asked as { text?: unknown } | undefined)?.text
  return typeof text === 'string' && text.includes(mark) ? text : undefined
}

let lastClaim: string | undefined

/** How long each claim takes from now on, in milliseconds, as the relay in this process itself waits for it. */
export const watchClaims = (): number[] => {
  const claims: number[] = []
  const query = pg.Client.prototype.query as (...given: unknown[]) => Promise<unknown>
  pg.Client.prototype.query = function (this: pg.Client, ...given: unknown[]) {
    const answer = query.apply(this, given)
    const claim = claimIn(given[0])
    if (claim !== undefined) {
      lastClaim = claim
      const began = performance.now()
      answer.then(
        () => claims.push(performance.now() - began),
        () => {},
      )
    }
    return answer
  } as typeof pg.Client.prototype.query
  return claims
}

/** Of a claim that is asked for. */
export const rowsAtMost = 1_000

/** What asking took, in milliseconds of each time. */
export interface AskedClaims {
  /** Until this process had read the rows: its garbage is collected meanwhile too. */
  answered: number[]
  /** Inside PostgreSQL. */
  executed: number[]
}

/**
 * The claim that was seen last, asked again and again while nothing else is done: the statement without the publishing beside it.
 * Throws when none was seen.
 */
export const askClaims = (url: string, times: number): Promise<AskedClaims> =>
  withClient(url, async (client) => {
    if (lastClaim === undefined) throw new Error('no claim was seen')
    const values = [[], [], rowsAtMost]
    const asked: AskedClaims = { answered: [], executed: [] }
    for (let nth = 0; nth < times; nth += 1) {
      const began = performance.now()
      await client.query({ name: 'claim', text: lastClaim, values })
      asked.answered.push(performance.now() - began)
    }
    const explained = `explain (analyze, timing off, format json) ${lastClaim}`
    for (let nth = 0; nth < times; nth += 1) {
      const { rows } = await client.query<{ 'QUERY PLAN': [{ 'Execution Time': number }] }>(explained, values)
      asked.executed.push(rows[0]!['QUERY PLAN'][0]['Execution Time'])
    }
    return asked
  })

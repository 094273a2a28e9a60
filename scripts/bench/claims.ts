import pg from 'pg'

/** What of the claim is in no other statement. */
const mark = 'is_behind_parked'

const isClaim = (asked: unknown): boolean => {
  const text = typeof asked === 'string' ? asked : (asked as { text?: unknown } | undefined)?.text
  return typeof text === 'string' && text.includes(mark)
}

/** How long each claim takes from now on, in milliseconds, as the relay in this process itself waits for it. */
export const watchClaims = (): number[] => {
  const claims: number[] = []
  const query = pg.Client.prototype.query as (...given: unknown[]) => Promise<unknown>
  pg.Client.prototype.query = function (this: pg.Client, ...given: unknown[]) {
    const answer = query.apply(this, given)
    if (isClaim(given[0])) {
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

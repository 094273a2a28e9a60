import type { Sql } from './sql.ts'

/** The channel relays listen on; its scope is one database. */
export const channel = 'outbox'

/** Wakes the leading relay, wherever it runs. Never inside a business transaction: NOTIFY serialises their commits. */
const notifyRelay = async (sql: Sql): Promise<void> => {
  await sql.$executeRawUnsafe(`notify ${channel}`)
}

/**
 * For a process without a relay of its own: returns `hint()`, to be called after each commit. Any number of calls while
 * a NOTIFY is under way become one more. A failure is only told to `onError`: the relay's poll is the guarantee.
 */
export const createNotifyHint = (sql: Sql, onError: (error: unknown) => void = () => {}) => {
  let underWay = false
  let again = false
  const send = async () => {
    underWay = true
    do {
      again = false
      await notifyRelay(sql).catch(onError)
    } while (again)
    underWay = false
  }
  return (): void => {
    if (underWay) again = true
    else void send()
  }
}

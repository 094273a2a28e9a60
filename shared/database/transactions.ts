import pg from 'pg'
import type { AnsweredClient } from './client.ts'
import type { Sql } from './sql.ts'
import type { StatementNames } from './statement-names.ts'

/** As Prisma reads them: a bigint stays exact. */
const types = new pg.TypeOverrides()
types.setTypeParser(pg.types.builtins.INT8, BigInt)

export interface TransactionOptions {
  names: StatementNames
  /** A transaction that is open for longer loses its connection. */
  timeoutMs: number
}

/**
 * Transactions on the driver that Prisma's client works with, from the same pool. What `work` asks for without waiting goes out at
 * once, in the order asked: a round trip for as many statements as don't need each other's answers. The BEGIN is waited for: when
 * the server refuses it (a cancelled query, no memory), each statement behind it would be committed by itself.
 * A statement the server refuses fails the transaction, whether `work` looks at it or not.
 */
export const createTransactions =
  (pool: pg.Pool, { names, timeoutMs }: TransactionOptions) =>
  async <R>(work: (tx: Sql) => Promise<R>): Promise<R> => {
    const connection = (await pool.connect()) as pg.PoolClient & AnsweredClient
    const giveUp = setTimeout(() => connection.abandon(), timeoutMs)
    try {
      await connection.query('begin; set local plan_cache_mode = force_generic_plan')
      const result = await work(sqlOn(connection, names))
      const { command } = await connection.query('commit')
      if (command !== 'COMMIT')
        throw new Error('a statement of the transaction failed, so nothing of it was kept')
      connection.release()
      return result
    } catch (error) {
      // A connection that can't even roll back is of no use to the next one.
      await connection.query('rollback').then(
        () => connection.release(),
        (lost: Error) => connection.release(lost),
      )
      throw error
    } finally {
      clearTimeout(giveUp)
    }
  }

const sqlOn = (connection: pg.PoolClient, names: StatementNames): Sql => {
  const run = (text: string, values: unknown[]) =>
    connection.query({ name: names.nameOf(text), text, values, types })
  return {
    $queryRawUnsafe: async <Rows>(text: string, ...values: unknown[]) =>
      (await run(text, values)).rows as Rows,
    $executeRawUnsafe: async (text, ...values) => (await run(text, values)).rowCount ?? 0,
  }
}

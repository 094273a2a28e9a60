import pg from 'pg'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { sqlState } from '../failure/index.ts'
import { withDatabase } from '../testing/index.ts'
import { AnsweredClient } from './client.ts'
import { createStatementNames } from './statement-names.ts'
import { createTransactions } from './transactions.ts'

/** Its server refuses each BEGIN that is not let through. */
class RefusingClient extends AnsweredClient {
  static refuses = false
  constructor(config?: pg.ClientConfig) {
    super(config)
    // biome-ignore lint/suspicious/noExplicitAny: pg declares `query` by seven overloads.
    const query = this.query as (...question: any[]) => any
    // biome-ignore lint/suspicious/noExplicitAny: the same.
    this.query = (text: any, ...rest: any[]) =>
      query(RefusingClient.refuses && /^begin/.test(text) ? 'select 1/0' : text, ...rest)
  }
}

test('what follows a BEGIN that the server refuses is not kept, and the transaction fails with the reason', () =>
  withDatabase('user', async ({ url }) => {
    const pool = new pg.Pool({ connectionString: url, max: 1, pipeline: true, Client: RefusingClient })
    try {
      await pool.query('create table kept (n int)')
      const transaction = createTransactions(pool, { names: createStatementNames(), timeoutMs: 5_000 })
      const keep = () =>
        transaction((tx) =>
          Promise.all([
            tx.$executeRawUnsafe('insert into kept values (1)'),
            tx.$executeRawUnsafe('insert into kept values (2)'),
          ]),
        )
      RefusingClient.refuses = true
      const refused = await keep().then(
        () => 'committed',
        (error: unknown) => sqlState(error),
      )
      assert.is(refused, '22012')
      assert.is((await pool.query('select from kept')).rowCount, 0)
      RefusingClient.refuses = false
      assert.equal(await keep(), [1, 1])
      assert.is((await pool.query('select from kept')).rowCount, 2)
    } finally {
      await pool.end()
    }
  }))

test.run()

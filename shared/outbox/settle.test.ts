import { randomUUID } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parkAggregateFrom, releaseFollowers } from './settle.ts'
import type { Sql } from './sql.ts'
import { seed, withOutbox } from './testing/with-outbox.ts'

/** The text of the statement that it makes. */
const statementOf = async (make: (sql: Sql) => unknown): Promise<string> => {
  let made = ''
  const sql = {
    async $executeRawUnsafe(text: string) {
      made = text
      return 0
    },
  }
  await make(sql as unknown as Sql)
  return made
}

const row = { id: 1n, eventId: randomUUID(), aggregateId: randomUUID() }
const statements = {
  parkAggregateFrom: {
    make: (sql: Sql) => parkAggregateFrom(sql, row, ''),
    values: `'${row.aggregateId}', 1, '', ''`,
  },
  releaseFollowers: {
    make: (sql: Sql) => releaseFollowers(sql, [row.aggregateId]),
    values: `'{${row.aggregateId}}'`,
  },
}

for (const [name, { make, values }] of Object.entries(statements)) {
  test(`${name} reads one aggregate, however much else waits or is parked`, () =>
    withOutbox(async ({ client, sql }) => {
      // The plan is made before there are statistics, as in a new database, and kept.
      await client.query('set plan_cache_mode = force_generic_plan')
      await client.query(`prepare settle as ${await statementOf(make)}`)
      const explain = async () => {
        const { rows } = await client.query(`explain (analyze, costs off) execute settle (${values})`)
        return rows.map((line) => String(line['QUERY PLAN'])).join('\n')
      }
      await explain()
      await seed(sql, 500, 4)
      await client.query(
        `update outbox set parked_at = now(), last_error = 'unroutable'
         where id in (select min(id) from outbox group by aggregate_id)`,
      )
      const plan = await explain()
      assert.match(plan, /Index Cond: \(\(?aggregate_id/)
      assert.not.match(plan, /Anti Join|Rows Removed by Filter: [1-9]\d\d/, plan)
    }))
}

test.run()

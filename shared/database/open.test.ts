import { randomUUID } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { PrismaClient } from '../../generated/user/client.ts'
import { classifyDatabaseError, sqlState, Unavailable } from '../failure/index.ts'
import { eventually, startSilentProxy, withDatabase } from '../testing/index.ts'
import { type DatabaseObserver, openDatabase, type Sql } from './index.ts'
import { withClient } from './migrations/index.ts'

const open = (url: string, poolSize: number, observer?: DatabaseObserver) =>
  openDatabase((adapter) => new PrismaClient({ adapter }), {
    url,
    name: 'open test',
    poolSize,
    ...(observer && { observer }),
  })

type Opened = ReturnType<typeof open>

/** A database with `counters`: two rows, both at zero. */
const withCounters =
  (use: (database: Opened, url: string) => Promise<void>, poolSize = 4) =>
  () =>
    withDatabase('user', async ({ url }) => {
      const database = open(url, poolSize)
      try {
        await database.client.$executeRawUnsafe('create table counters (id int primary key, n int not null)')
        await database.client.$executeRawUnsafe('insert into counters values (1, 0), (2, 0)')
        await use(database, url)
      } finally {
        await database.close()
      }
    })

const add = (tx: Sql, id: number) =>
  tx.$executeRawUnsafe('update counters set n = n + 1 where id = $1::int', id)
const counters = async ({ client }: Opened) => {
  const rows = await client.$queryRawUnsafe<{ n: number }[]>('select n from counters order by id')
  return rows.map(({ n }) => n)
}
const outcomeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'committed',
    (error: unknown) => error,
  )
/** Sessions of this pool that are in a transaction now. */
const inTransaction = (url: string) =>
  withClient(url, async (client) => {
    const { rows } = await client.query<{ n: number }>(
      `select count(*)::int as n from pg_stat_activity
        where datname = current_database() and application_name = 'open test' and state like 'idle in transaction%'`,
    )
    return rows[0]?.n
  })
/** A gate that lets nobody through before `count` have come; a second pass goes straight on. */
const gateFor = (count: number) => {
  let come = 0
  let openUp = () => {}
  const all = new Promise<void>((resolve) => {
    openUp = resolve
  })
  return async () => {
    come += 1
    if (come >= count) openUp()
    await all
  }
}

test(
  'a session gives up by itself, and a lock before its statement, a statement before its transaction',
  withCounters(async ({ client }) => {
    const names = ['lock_timeout', 'statement_timeout', 'idle_in_transaction_session_timeout']
    const rows = await client.$queryRawUnsafe<{ name: string; ms: number; unit: string }[]>(
      'select name, setting::int as ms, unit from pg_settings where name = any($1::text[])',
      names,
    )
    const [lock, statement, idle] = names.map((name) => rows.find((row) => row.name === name)?.ms ?? 0)
    assert.ok(rows.every(({ unit }) => unit === 'ms'))
    assert.ok(0 < lock! && lock! < statement! && statement! < idle!, `${lock} < ${statement} < ${idle}`)
    const [session] = await client.$queryRawUnsafe<{ name: string }[]>(
      `select current_setting('application_name') as name`,
    )
    assert.is(session?.name, 'open test')
  }),
)

test(
  'what work returns is returned, and what it throws is thrown as it is, with nothing kept',
  withCounters(async (database) => {
    assert.is(await database.transaction((tx) => add(tx, 1)), 1)
    const defect = new TypeError('a defect')
    const thrown = await outcomeOf(
      database.transaction(async (tx) => {
        await add(tx, 1)
        throw defect
      }),
    )
    assert.is(thrown, defect)
    assert.equal(await counters(database), [1, 0])
  }),
)

test(
  'statements that are asked for at once are carried out in the order asked, and answered each',
  withCounters(async (database) => {
    const { transaction, client } = database
    await client.$executeRawUnsafe('create table steps (nth serial, step int)')
    const step = (tx: Sql, n: number) => tx.$executeRawUnsafe('insert into steps (step) values ($1::int)', n)
    const look = async (tx: Sql) => {
      const [row] = await tx.$queryRawUnsafe<{ n: bigint }[]>('select count(*) as n from steps')
      return row?.n
    }
    for (let round = 0; round < 20; round += 1) {
      const answers = await transaction((tx) =>
        Promise.all([step(tx, 1), look(tx), step(tx, 2), step(tx, 3), look(tx)]),
      )
      assert.equal(answers, [1, BigInt(3 * round + 1), 1, 1, BigInt(3 * round + 3)])
    }
    const rows = await client.$queryRawUnsafe<{ step: number }[]>('select step from steps order by nth')
    assert.equal(
      rows.map((row) => row.step),
      Array.from({ length: 60 }, (_, n) => (n % 3) + 1),
    )
  }),
)

test(
  'of statements asked for at once the first refused is told, and nothing is kept, also when nobody looks',
  withCounters(async (database) => {
    const broken = 'insert into counters values (4, null)'
    const told = await outcomeOf(
      database.transaction((tx) => Promise.all([add(tx, 1), tx.$executeRawUnsafe(broken), add(tx, 2)])),
    )
    assert.is(sqlState(told), '23502')
    const ignored = await outcomeOf(
      database.transaction(async (tx) => {
        await add(tx, 1)
        await tx.$executeRawUnsafe(broken).catch(() => {})
      }),
    )
    assert.instance(ignored, Error)
    assert.match((ignored as Error).message, /nothing of it was kept/)
    assert.equal(await counters(database), [0, 0])
    await database.transaction((tx) => Promise.all([add(tx, 1), add(tx, 2)]))
    assert.equal(await counters(database), [1, 1])
  }),
)

test(
  'values come as Prisma reads them: exact bigints, dates, JSON, arrays',
  withCounters(async (database) => {
    const question = `select 9007199254740993::bigint as big, 7::int as int, '2026-01-02 03:04:05.678+00'::timestamptz as at,
      $1::jsonb as json, $2::text[] as list, null as nothing, $3::text as text`
    const values = ['{"a":[1]}', ['x', 'y,"z'], 'it']
    const inside = await database.transaction((tx) => tx.$queryRawUnsafe<object[]>(question, ...values))
    const expected = {
      big: 9_007_199_254_740_993n,
      int: 7,
      at: new Date('2026-01-02T03:04:05.678Z'),
      json: { a: [1] },
      list: ['x', 'y,"z'],
      nothing: null,
      text: 'it',
    }
    assert.equal(inside, [expected])
    assert.equal(await database.client.$queryRawUnsafe(question, ...values), [expected])
  }),
)

test(
  'a plan that was made while a table was empty goes by its key, inside a transaction without looking at the values',
  withCounters(async ({ transaction, client }) => {
    await client.$executeRawUnsafe('create table many (id int primary key, n int not null)')
    const join = 'select m.n from jsonb_to_recordset($1::jsonb) as it (id int) join many m on m.id = it.id'
    const planIn = (tx: Sql) => tx.$queryRawUnsafe<Record<string, string>[]>(`explain ${join}`, '[]')
    for (const plan of [await transaction(planIn), await planIn(client)]) {
      const text = plan.map((line) => line['QUERY PLAN']).join('\n')
      assert.match(text, 'many_pkey')
      assert.match(text, 'Nested Loop')
    }
    const mode = async (tx: Sql) =>
      (await tx.$queryRawUnsafe<Record<string, string>[]>('show plan_cache_mode'))[0]?.plan_cache_mode
    assert.is(await transaction(mode), 'force_generic_plan')
    assert.is(await mode(client), 'auto')
  }),
)

test(
  'a transaction that is open for too long loses its connection: Unavailable, nothing written, and the pool goes on',
  withCounters(async (database) => {
    const thrown = await outcomeOf(
      database.transaction(async (tx) => {
        await add(tx, 1)
        for (;;) await tx.$queryRawUnsafe('select pg_sleep(0.2)::text')
      }),
    )
    assert.ok(thrown instanceof Unavailable, String(thrown))
    assert.equal(await counters(database), [0, 0])
    await database.transaction((tx) => add(tx, 1))
    assert.equal(await counters(database), [1, 0])
  }, 1),
)

test(
  "Prisma's own transactions go on in the same pool",
  withCounters(async (database) => {
    await database.client.$transaction(async (tx) => {
      await tx.user.create({
        data: { id: randomUUID(), name: 'A', email: 'a@example.org', balance: 1n, openingBalance: 1n },
      })
      await add(tx, 1)
    })
    assert.equal(await counters(database), [1, 0])
    assert.is(await database.client.user.count(), 1)
  }, 1),
)

test(
  'two transactions that lock in opposite order both end, each once',
  withCounters(async (database) => {
    const bothHaveOne = gateFor(2)
    let tries = 0
    const cross = (first: number, second: number) =>
      database.transaction(async (tx) => {
        tries += 1
        await add(tx, first)
        await bothHaveOne()
        await add(tx, second)
      })
    await Promise.all([cross(1, 2), cross(2, 1)])
    assert.equal(await counters(database), [2, 2])
    assert.ok(tries > 2, 'a deadlock there was')
  }),
)

test(
  'an observer is told of each transaction once, and of each try that lost, with its code',
  withCounters(async (_, url) => {
    const told: string[] = []
    const observer = {
      transaction: () => told.push('transaction'),
      retried: (code: string) => told.push(code),
    }
    const database = open(url, 2, observer)
    try {
      let tries = 0
      await database.transaction(async (tx) => {
        tries += 1
        if (tries < 3) await tx.$executeRawUnsafe(`do $$ begin raise sqlstate '40P01'; end $$`)
      })
    } finally {
      await database.close()
    }
    assert.equal(told, ['transaction', '40P01', '40P01'])
  }),
)

test(
  'a serialization failure is tried again, on the state that won',
  withCounters(async (database) => {
    const bothHaveRead = gateFor(2)
    let tries = 0
    const increment = () =>
      database.transaction(async (tx) => {
        tries += 1
        await tx.$executeRawUnsafe('set transaction isolation level serializable')
        const rows = await tx.$queryRawUnsafe<{ n: number }[]>('select n from counters where id = 1')
        await bothHaveRead()
        await tx.$executeRawUnsafe('update counters set n = $1::int where id = 1', (rows[0]?.n ?? 0) + 1)
      })
    await Promise.all([increment(), increment()])
    assert.equal(await counters(database), [2, 0])
    assert.is(tries, 3)
  }),
)

test(
  'who was overtaken by the same insert looks again; who inserts blindly is told after a few tries',
  withCounters(async (database) => {
    const bothHaveLooked = gateFor(2)
    const insertOnce = () =>
      database.transaction(async (tx) => {
        const rows = await tx.$queryRawUnsafe<unknown[]>('select 1 from counters where id = 3')
        await bothHaveLooked()
        if (rows.length === 0) await tx.$executeRawUnsafe('insert into counters values (3, 0)')
        return rows.length
      })
    assert.equal((await Promise.all([insertOnce(), insertOnce()])).sort(), [0, 1])
    let tries = 0
    const blind = database.transaction((tx) => {
      tries += 1
      return tx.$executeRawUnsafe('insert into counters values (3, 0)')
    })
    assert.is(sqlState(await outcomeOf(blind)), '23505')
    assert.ok(tries > 1 && tries < 20)
  }),
)

test(
  'a constraint is not tried again',
  withCounters(async (database) => {
    let tries = 0
    const broken = database.transaction((tx) => {
      tries += 1
      return tx.$executeRawUnsafe('insert into counters values (4, null)')
    })
    assert.is(sqlState(await outcomeOf(broken)), '23502')
    assert.is(tries, 1)
  }),
)

test(
  'a backend that is terminated mid-transaction: Unavailable, nothing written, and the pool goes on',
  withCounters(async (database, url) => {
    const thrown = await outcomeOf(
      database.transaction(async (tx) => {
        await add(tx, 1)
        const rows = await tx.$queryRawUnsafe<{ pid: number }[]>('select pg_backend_pid() as pid')
        await withClient(url, (client) => client.query('select pg_terminate_backend($1)', [rows[0]?.pid]))
        await add(tx, 2)
      }),
    )
    assert.ok(thrown instanceof Unavailable, String(thrown))
    assert.is((thrown as Unavailable).code, 'database.unavailable')
    assert.ok((thrown as Unavailable).cause)
    assert.equal(await counters(database), [0, 0])
    await database.transaction((tx) => add(tx, 1))
    assert.equal(await counters(database), [1, 0])
  }),
)

test('a connection that falls silent, in a transaction and outside: Unavailable, and the pool has its places back', () =>
  withDatabase('user', async (server) => {
    const proxy = await startSilentProxy(server.url)
    const database = open(proxy.url, 2)
    try {
      await Promise.all([database.ping(), database.ping()])
      const began = performance.now()
      let outside: Promise<unknown> | undefined
      const inside = await outcomeOf(
        database.transaction(async (tx) => {
          await tx.$queryRawUnsafe('select 1')
          proxy.silence()
          outside = outcomeOf(database.client.$queryRawUnsafe('select 2'))
          await tx.$queryRawUnsafe('select 3')
        }),
      )
      for (const thrown of [inside, await outside])
        assert.is(classifyDatabaseError(thrown), 'unavailable', String(thrown))
      assert.ok(performance.now() - began < 15_000)
      proxy.heal()
      await Promise.all([1, 2].map(() => database.transaction((tx) => tx.$queryRawUnsafe('select 4'))))
    } finally {
      await proxy.close()
      await database.close()
    }
  }))

test(
  'a migration under running connections: the next transaction and the next read work with the new table',
  withCounters(async (database) => {
    const inTransaction = () =>
      database.transaction((tx) => tx.$queryRawUnsafe<object[]>('select * from counters where id = 1'))
    const read = () => database.client.$queryRawUnsafe('select * from counters where id = 1')
    for (const look of [inTransaction, read]) assert.equal(await look(), [{ id: 1, n: 0 }])
    await database.client.$executeRawUnsafe('alter table counters alter n type bigint')
    for (const look of [read, inTransaction]) assert.equal(await look(), [{ id: 1, n: 0n }])
    await database.client.$executeRawUnsafe('alter table counters alter n type integer')
    for (const look of [inTransaction, read]) assert.equal(await look(), [{ id: 1, n: 0 }])
  }, 1),
)

test(
  'a pool without a free connection: Unavailable within seconds, and no transaction is left open',
  withCounters(async (database, url) => {
    let letGo = () => {}
    const held = new Promise<void>((resolve) => {
      letGo = resolve
    })
    const holders = [1, 2].map((id) =>
      database.transaction(async (tx) => {
        await add(tx, id)
        await held
      }),
    )
    await eventually(async () => (await inTransaction(url)) === 2)
    const begun = performance.now()
    const late = await Promise.all([1, 2, 3].map(() => outcomeOf(database.transaction((tx) => add(tx, 1)))))
    assert.ok(performance.now() - begun < 6_000)
    for (const thrown of late) assert.ok(thrown instanceof Unavailable, String(thrown))
    letGo()
    await Promise.all(holders)
    await eventually(async () => (await inTransaction(url)) === 0)
    assert.equal(await counters(database), [1, 1])
    await database.transaction((tx) => add(tx, 2))
    assert.equal(await counters(database), [1, 2])
  }, 2),
)

test(
  'a lock that is held too long: Unavailable in the end, nothing written',
  withCounters(async (database, url) => {
    await withClient(url, async (client) => {
      await client.query('begin')
      await client.query('update counters set n = 7 where id = 1')
      const waiting = database.transaction(async (tx) => {
        await tx.$executeRawUnsafe(`set local lock_timeout = '20ms'`)
        await add(tx, 2)
        await add(tx, 1)
      })
      const thrown = await outcomeOf(waiting)
      assert.ok(thrown instanceof Unavailable, String(thrown))
      await client.query('rollback')
    })
    assert.equal(await counters(database), [0, 0])
  }),
)

test('a server that is not there: ping and transaction say Unavailable; opening says nothing', async () => {
  const database = open('postgres://nobody@127.0.0.1:1/none', 1)
  const works = [database.ping(), database.transaction((tx) => add(tx, 1))]
  for (const thrown of await Promise.all(works.map(outcomeOf))) {
    assert.ok(thrown instanceof Unavailable, String(thrown))
    assert.not.match((thrown as Error).message, /127\.0\.0\.1|nobody/)
  }
  await database.close()
})

/** Who asks this database, as a user of its own who may do nothing. */
const withStranger = (url: string, use: (url: string) => Promise<void>) =>
  withClient(url, async (client) => {
    const name = `stranger_${randomUUID().replaceAll('-', '')}`
    const its = new URL(url)
    its.username = name
    its.password = 'x'
    await client.query(`create role ${name} login password 'x'`)
    try {
      await use(its.href)
    } finally {
      await client.query(`drop role ${name}`)
    }
  })

test(
  'a database that refuses is not called slow: ping and transaction say what is wrong, and what to do',
  withCounters(async (_, url) => {
    const nowhere = new URL(url)
    nowhere.pathname = '/none'
    const says = async (state: string, at: string, ownTable: string) => {
      const database = openDatabase((adapter) => new PrismaClient({ adapter }), {
        url: at,
        name: 'open test',
        poolSize: 1,
        ownTable,
      })
      const look = database.transaction((tx) => tx.$queryRawUnsafe(`select 1 from ${ownTable}`))
      for (const thrown of await Promise.all([database.ping(), look].map(outcomeOf))) {
        assert.ok(thrown instanceof Unavailable, String(thrown))
        const { code, message, next } = thrown as Unavailable
        assert.is(code, 'database.unusable')
        assert.match(message, state)
        assert.match(next ?? '', /npm run migrate.*DATABASE_URL/)
      }
      await database.close()
    }
    await says('42P01', url, 'orders')
    await says('3D000', nowhere.href, 'users')
    await withStranger(url, (its) => says('42501', its, 'users'))
  }),
)

test(
  'a database that answers answers a ping',
  withCounters((database) => database.ping()),
)

test('options in the URL are kept, and the limits of a session with them', () =>
  withDatabase('user', async ({ url }) => {
    const withOptions = new URL(url)
    withOptions.searchParams.set('options', '-c search_path=public,pg_temp -c lock_timeout=0')
    const { client, close } = open(withOptions.href, 1)
    try {
      const rows = await client.$queryRawUnsafe(
        `select current_setting('search_path') as path, current_setting('lock_timeout') as lock,
           current_setting('statement_timeout') as statement, current_setting('enable_seqscan') as scans`,
      )
      assert.equal(rows, [{ path: 'public,pg_temp', lock: '2s', statement: '5s', scans: 'off' }])
    } finally {
      await close()
    }
  }))

test.run()

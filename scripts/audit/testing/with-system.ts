import { randomBytes } from 'node:crypto'
import { type ServiceName, services } from '../../../shared/contracts/index.ts'
import { databaseOf, withClient } from '../../../shared/database/migrations/index.ts'
import { testServers, withDatabase } from '../../../shared/testing/index.ts'
import { databaseNameOf } from '../../infra/provision.ts'
import type { DatabaseUrls } from '../snapshot.ts'
import { age, byForce, openSystem, settleEveryKind } from './settled-system.ts'

const withThree = <R>(
  use: (urls: DatabaseUrls, names: Record<ServiceName, string>) => Promise<R>,
): Promise<R> =>
  withDatabase('order', (order) =>
    withDatabase('product', (product) =>
      withDatabase('user', (user) =>
        use(
          { order: order.url, product: product.url, user: user.url },
          { order: order.name, product: product.name, user: user.name },
        ),
      ),
    ),
  )

const everyService = async (urls: DatabaseUrls, sql: string) => {
  for (const service of services) await byForce(urls[service], sql)
}

// So that wrong data can be written at all, and put right again without making the databases anew.
const dropGuards = `do $$ declare it record; begin
  for it in select conrelid::regclass as owner, conname from pg_constraint
    where connamespace = 'public'::regnamespace and conrelid <> 0 order by contype = 'p' loop
    execute format('alter table %s drop constraint %I', it.owner, it.conname);
  end loop;
  for it in select indexrelid::regclass as name from pg_index join pg_class on pg_class.oid = indexrelid
    where relnamespace = 'public'::regnamespace and indisunique loop
    execute format('drop index %s', it.name);
  end loop;
end $$`
const each = (what: string) => `do $$ declare it text; begin
  for it in select tablename from pg_tables where schemaname = 'public' loop execute format('${what}', it, it); end loop;
end $$`
const keep = `create schema keep; ${each('create table keep.%I as table public.%I')}`
const restore = each('truncate public.%I; insert into public.%1$I select * from keep.%1$I')

/**
 * Runs `use` with three databases in which orders of every kind are at rest since ten minutes, and which no guard protects. What
 * `fresh` runs finds them so, whatever was done to them before.
 */
export const withSettledSystem = <R>(
  use: (fresh: <T>(work: (urls: DatabaseUrls) => Promise<T>) => Promise<T>) => Promise<R>,
): Promise<R> =>
  withThree(async (urls) => {
    await settle(urls)
    await everyService(urls, `${dropGuards}; ${keep}`)
    return use(async (work) => {
      await everyService(urls, restore)
      return work(urls)
    })
  })

const settle = async (urls: DatabaseUrls) => {
  await openSystem(urls, settleEveryKind)
  await age(urls, 10)
}

const admin = (sql: string) =>
  withClient(databaseOf(testServers().postgresUrl, 'postgres'), (client) => client.query(sql))

/** The same, guards and all, under the names of a namespace, as commands find it. */
export const withNamedSystem = <R>(use: (namespace: string, urls: DatabaseUrls) => Promise<R>): Promise<R> =>
  withThree(async (urls, names) => {
    await settle(urls)
    const namespace = `t${randomBytes(5).toString('hex')}`
    const name = (service: ServiceName) => databaseNameOf(service, namespace)
    const url = (service: ServiceName) => databaseOf(testServers().postgresUrl, name(service))
    for (const service of services)
      await admin(`alter database "${names[service]}" rename to "${name(service)}"`)
    try {
      return await use(namespace, { order: url('order'), product: url('product'), user: url('user') })
    } finally {
      for (const service of services)
        await admin(`alter database "${name(service)}" rename to "${names[service]}"`)
    }
  })

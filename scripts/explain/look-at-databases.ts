import type pg from 'pg'
import { type ServiceName, services } from '../../shared/contracts/index.ts'
import { pause } from '../../shared/failure/index.ts'
import { databaseNameOf } from '../infra/index.ts'
import type { Clients } from './read-rows.ts'
import type { Blocker, DatabaseSight } from './sight.ts'

/** The relay's only session names itself so and leads by an advisory lock (shared/outbox/session.ts, relay.ts). */
const relay = `
  select
    exists (
      select from pg_stat_activity a join pg_locks l on l.pid = a.pid and l.locktype = 'advisory' and l.granted
      where a.application_name = 'outbox-relay' and a.datname = current_database() and l.database = a.datid
    ) as "relayLeads",
    exists (
      select from pg_stat_activity where application_name = $1 and datname = current_database()
    ) as "serviceConnected"`

/**
 * Who waits on a lock in this database, and for whom; and who has held a lock on a whole table for longer than a service ever does,
 * whether somebody waits for it at this moment or not: services give up after two seconds and come again.
 */
const blockers = `
  with waiting as (
    select w.pid, w.application_name as name, unnest(pg_blocking_pids(w.pid)) as by
    from pg_stat_activity w where w.datname = current_database() and w.wait_event_type = 'Lock'
  ), holding as (
    select l.pid, min(c.relname) as relation from pg_locks l join pg_class c on c.oid = l.relation
    where l.database = (select oid from pg_database where datname = current_database()) and l.granted
      and c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
      and l.mode in ('AccessExclusiveLock', 'ExclusiveLock', 'ShareRowExclusiveLock', 'ShareLock')
    group by l.pid
  ), touching as (
    select l.pid, min(c.relname) as relation from pg_locks l join pg_class c on c.oid = l.relation
    where l.database = (select oid from pg_database where datname = current_database()) and l.granted
      and c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and l.mode <> 'AccessShareLock'
    group by l.pid
  )
  select a.pid, coalesce(nullif(a.application_name, ''), a.backend_type, 'a session') as name,
    coalesce(a.state, 'unknown') as state, coalesce(extract(epoch from clock_timestamp() - a.xact_start), 0)::float8 as seconds,
    coalesce(h.relation, t.relation) as "table",
    coalesce(array_agg(distinct w.name) filter (where w.name is not null), '{}') as "holdsUp"
  from pg_stat_activity a
  left join waiting w on w.by = a.pid
  left join holding h on h.pid = a.pid
  left join touching t on t.pid = a.pid
  where a.pid <> pg_backend_pid()
    and a.pid not in (select pid from waiting)
    and (w.pid is not null or (h.pid is not null and clock_timestamp() - a.xact_start > interval '1 second'))
    and (clock_timestamp() - a.xact_start > interval '500 milliseconds')
  group by a.pid, a.application_name, a.backend_type, a.state, a.xact_start, h.relation, t.relation
  order by a.xact_start`

const betweenLooksMs = 250

/** Looks until somebody is seen in the way, or for `withinMs`: who waits for a lock comes and goes. */
export const lookAtDatabases = async (
  clients: Clients,
  namespace: string,
  withinMs: number,
): Promise<Record<ServiceName, DatabaseSight>> => {
  const until = performance.now() + withinMs
  for (;;) {
    const found = await Promise.all(
      services.map(async (service) => [service, await look(clients[service], service, namespace)] as const),
    )
    const isOver = performance.now() >= until || found.some(([, sight]) => sight.blockers.length > 0)
    if (isOver) return Object.fromEntries(found) as Record<ServiceName, DatabaseSight>
    await pause(betweenLooksMs)
  }
}

const look = async (client: pg.Client, service: ServiceName, namespace: string): Promise<DatabaseSight> => {
  const state = await client.query<Pick<DatabaseSight, 'relayLeads' | 'serviceConnected'>>(relay, [service])
  const inTheWay = await client.query<Blocker>(blockers)
  return {
    database: databaseNameOf(service, namespace),
    ...state.rows[0]!,
    blockers: inTheWay.rows.map((row) => ({ ...row, table: row.table ?? undefined })),
  }
}

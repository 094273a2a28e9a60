import { services } from '../../shared/contracts/index.ts'
import type { System } from '../system/index.ts'

const dayMs = 86_400_000

/** A UUIDv7 says when it was made, and the audit goes by that. */
const older = (id: string, ms: number) => `(
  lpad(to_hex(('x' || left(replace(${id}, '-', ''), 12))::bit(48)::bigint - ${ms}), 12, '0') || substr(replace(${id}, '-', ''), 13)
)::uuid`

const dates = `
  select table_name as "table", string_agg(format('%1$I = %1$I - $1::interval', column_name), ', ') as "set"
  from information_schema.columns
  where table_schema = 'public' and data_type = 'timestamp with time zone' and table_name not like '\\_prisma%'
  group by table_name`

/** Makes everything in the three databases older by so many days, as if nothing had happened since. */
export const daysPass = async (system: System, days: number): Promise<void> => {
  const ms = days * dayMs
  for (const service of services) {
    const moved = await system.sql<{ table: string; set: string }>(service, dates)
    const statements = [
      // The past may not be changed: these are the rules of the database, which are not meant for us.
      'set session_replication_role = replica',
      ...moved.map(({ table, set }) => `update ${table} set ${set.replaceAll('$1', `'${days} days'`)}`),
      `update outbox set event_id = ${older('event_id::text', ms)}`,
      `update outbox set headers = jsonb_set(headers, '{cloudEvents:causationid}', to_jsonb(${older(
        `(headers->>'cloudEvents:causationid')`,
        ms,
      )}::text)) where headers ? 'cloudEvents:causationid'`,
      `update inbox set event_id = ${older('event_id::text', ms)}`,
    ]
    await system.sql(service, statements.join(';\n'))
  }
}

/** As if what waits had been said evenly over so many days until now, in the order it was said. */
export const saidOver = async (system: System, days: number): Promise<void> => {
  await system.sql(
    'order',
    `update outbox set created_at = clock_timestamp() - make_interval(secs => $1::float8 * 86400 * (1 - (id - first) / greatest(last - first, 1)::float8))
     from (select min(id) as first, max(id) as last from outbox where published_at is null) as waiting
     where published_at is null`,
    [days],
  )
}

import type { Sql } from '../../shared/database/index.ts'
import type { Claim } from './domain.ts'

export interface ClaimId {
  /** `<userId> <key>` */
  id: string
  userId: string
  key: string
}

/** By whom the keys were used first; keys nobody used are absent. */
export const selectClaims = async (sql: Sql, claims: readonly ClaimId[]): Promise<Map<string, Claim>> => {
  const rows = await sql.$queryRawUnsafe<
    { id: string; key: string; request_hash: string; order_id: string }[]
  >(
    `select k.user_id || ' ' || k.key as id, k.key, k.request_hash, k.order_id from idempotency_keys k
       join jsonb_to_recordset($1::jsonb) as x("userId" uuid, key text) on k.user_id = x."userId" and k.key = x.key`,
    JSON.stringify(claims),
  )
  return new Map(
    rows.map((row) => [row.id, { key: row.key, requestHash: row.request_hash, orderId: row.order_id }]),
  )
}

export const insertClaims = async (sql: Sql, claims: readonly (Claim & { userId: string })[]) => {
  await sql.$executeRawUnsafe(
    `insert into idempotency_keys (user_id, key, request_hash, order_id)
     select "userId", key, "requestHash", "orderId"
       from jsonb_to_recordset($1::jsonb) as x("userId" uuid, key text, "requestHash" text, "orderId" uuid)`,
    JSON.stringify(claims),
  )
}

/** What the first caller was told last; undefined when that was the order as it was placed, or the key is forgotten meanwhile. */
export const selectAnswer = async (sql: Sql, userId: string, key: string): Promise<unknown> => {
  const rows = await sql.$queryRawUnsafe<{ body: unknown }[]>(
    `select body from idempotency_keys where user_id = $1::uuid and key = $2`,
    userId,
    key,
  )
  return rows[0]?.body ?? undefined
}

/** Keeps what a waiting client was told, so that a replay tells it again; the last one before a terminal answer wins. */
export const updateAnswer = (sql: Sql, userId: string, key: string, status: number, body: unknown) =>
  sql.$executeRawUnsafe(
    `update idempotency_keys set status = $3::int, body = $4::jsonb where user_id = $1::uuid and key = $2`,
    userId,
    key,
    status,
    JSON.stringify(body),
  )

/** How long a replay finds what its key did. */
const keyLifetimeHours = 24

/**
 * Forgets the oldest keys past their lifetime, at most `limit`, and returns how many. A key whose order is PROCESSING stays: its
 * caller may still be asking how it ends. One statement of its own; those that another service is at are left to it.
 * By now(), as an index is not searched by clock_timestamp().
 */
export const deleteOldClaims = (sql: Sql, limit: number): Promise<number> =>
  sql.$executeRawUnsafe(
    `with old as materialized (
       select user_id, key from idempotency_keys k
        where created_at < now() - make_interval(hours => $1::int)
          and (select status from orders o where o.id = k.order_id) is distinct from 'PROCESSING'
        order by created_at limit $2::int for update of k skip locked
     )
     delete from idempotency_keys k using old where k.user_id = old.user_id and k.key = old.key`,
    keyLifetimeHours,
    limit,
  )

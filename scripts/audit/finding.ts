import type { ServiceName } from '../../shared/contracts/index.ts'
import { databaseNameOf } from '../infra/provision.ts'
import { type Code, entryOf, type Invariant } from './catalogue.ts'

/** One thing that is not as it must be. */
export interface Finding {
  code: Code
  invariant: Invariant
  /** Where the wrong row is, or whose work is missing. */
  service: ServiceName
  orderId?: string
  productId?: string
  userId?: string
  eventId?: string
  /** One sentence, with the numbers. */
  what: string
  /** The next command to type. */
  next: string
}

export type Subject = Pick<Finding, 'orderId' | 'productId' | 'userId' | 'eventId'>

/** Makes findings that name their next command, with the database names of the namespace. */
export const createFinder = (namespace: string) => {
  const psql = (service: ServiceName, query: string) =>
    `psql -d ${databaseNameOf(service, namespace)} -c "${query}"`
  const nextOf = (code: Code, { orderId, productId, userId }: Subject): string => {
    switch (entryOf(code).next) {
      case 'explain':
        return orderId === undefined ? 'npm run outbox -- status' : `npm run explain -- ${orderId}`
      case 'ledger':
        return psql('user', `select * from ledger where user_id = '${userId}' order by id`)
      case 'movements':
        return psql('product', `select * from stock_movements where product_id = '${productId}' order by id`)
      case 'status':
        return 'npm run outbox -- status'
      case 'retry':
        return 'npm run outbox -- retry'
      case 'repair':
        return 'npm run outbox -- reconcile --repair'
      case 'dead':
        return 'npm run outbox -- dead list'
    }
  }
  return (code: Code, service: ServiceName, subject: Subject, what: string): Finding => ({
    code,
    invariant: entryOf(code).invariant,
    service,
    ...subject,
    what,
    next: nextOf(code, subject),
  })
}
export type Find = ReturnType<typeof createFinder>

/** The same finding, whatever the numbers in its sentence. */
export const keyOf = ({ code, service, orderId, productId, userId, eventId }: Finding): string =>
  [code, service, orderId, productId, userId, eventId].join(' ')

/** Keeps at most `limit` findings of each code and counts all, so that a ruined system does not fill the memory. */
export const createSink = (limit: number) => {
  const findings: Finding[] = []
  const counts = new Map<Code, number>()
  const kept = new Map<Code, number>()
  return {
    findings,
    counts,
    /** Counts what another sink could not keep. */
    more(other: { counts: ReadonlyMap<Code, number>; findings: readonly Finding[] }) {
      for (const [code, all] of other.counts) {
        const unkept = all - other.findings.filter((it) => it.code === code).length
        if (unkept > 0) counts.set(code, (counts.get(code) ?? 0) + unkept)
      }
    },
    add(...found: readonly Finding[]) {
      for (const finding of found) {
        const { code } = finding
        counts.set(code, (counts.get(code) ?? 0) + 1)
        if ((kept.get(code) ?? 0) >= limit) continue
        kept.set(code, (kept.get(code) ?? 0) + 1)
        findings.push(finding)
      }
    },
  }
}
export type Sink = ReturnType<typeof createSink>

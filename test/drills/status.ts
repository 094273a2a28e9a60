import { type ServiceName, services } from '../../shared/contracts/index.ts'
import { eventually } from '../../shared/testing/index.ts'
import type { System } from '../system/index.ts'
import type { Operator } from './operator.ts'

/** What a drill reads of `outbox status --json`. */
export interface OutboxStatus {
  services: { service: ServiceName; pending: number; oldestPendingSeconds: number; parked: number }[]
  broker: {
    queues: {
      queue: string
      messages: number | null
      consumers: number | null
      retrying: number
      dead: number
      deadByReason: Record<string, number>
    }[]
  } | null
}

export const statusOf = async ({ type }: Operator): Promise<OutboxStatus> => {
  const { code, out, err } = await type('npm run outbox -- status --json')
  if (code !== 0) throw new Error(`no status: ${err}`)
  return JSON.parse(out) as OutboxStatus
}

/** Until the status shows every queue of the topology, and a consumer at each of the event queues. */
export const topologyStands = (operator: Operator): Promise<OutboxStatus> =>
  eventually(
    async () => {
      const status = await statusOf(operator)
      const odd = (status.broker?.queues ?? [{ queue: 'any', messages: null, consumers: 0 }])
        .filter((it) => it.messages === null || (it.queue.endsWith('.events') && it.consumers === 0))
        .map(({ queue, messages }) => `${queue} ${messages === null ? 'is not there' : 'has no consumer'}`)
      if (odd.length > 0) throw new Error(odd.join(', '))
      return status
    },
    { withinMs: 60_000, everyMs: 250 },
  )

/** Orders that did not end yet. */
export const processing = async (system: System): Promise<number> =>
  countOf(system, 'order', `orders where status = 'PROCESSING'`)

const countOf = async (system: System, service: ServiceName, rows: string): Promise<number> => {
  const [row] = await system.sql<{ count: number }>(service, `select count(*)::int as count from ${rows}`)
  return row?.count ?? 0
}

/** Until every order is terminal, nothing waits for a relay, and every published event is handled by whom it concerns. */
export const drained = (system: System, operator: Operator, withinMs = 240_000): Promise<boolean> =>
  eventually(
    async () => {
      const open = await processing(system)
      if (open > 0) throw new Error(`${open} orders are PROCESSING`)
      for (const service of services) {
        const waiting = await countOf(system, service, 'outbox where published_at is null')
        if (waiting > 0) throw new Error(`${waiting} events of ${service} wait for a relay`)
      }
      const { code, out } = await operator.type('npm run outbox -- reconcile --after 1s')
      if (code !== 0) throw new Error(out.split('\n').at(-2))
      return true
    },
    { withinMs, everyMs: 250 },
  )

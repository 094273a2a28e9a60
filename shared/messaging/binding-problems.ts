import { z } from 'zod'
import { Unavailable } from '../failure/index.ts'
import type { Topology } from './topology.ts'
import type { TopologyProblem } from './topology-problem.ts'

const Answer = z.array(
  z.object({
    source: z.string(),
    destination: z.string(),
    destination_type: z.enum(['queue', 'exchange']),
    routing_key: z.string(),
  }),
)

/**
 * Bindings that are missing, and bindings to the topology's own queues and exchanges that it does not name. Throws `Unavailable`
 * (`broker.management`) when the management API does not answer.
 */
export const bindingProblems = async (
  topology: Topology,
  managementUrl: string,
  vhost: string,
  timeoutMs: number,
): Promise<TopologyProblem[]> => {
  const found = new Set(
    (await ask(managementUrl, vhost, timeoutMs))
      .filter((it) => it.source !== '')
      .map((it) => line(it.destination_type, it.destination, it.source, it.routing_key)),
  )
  const wanted = new Set([
    ...topology.exchangeBindings.map(({ from, to, key }) => line('exchange', to, from, key)),
    ...topology.bindings.map(({ exchange, queue, key }) => line('queue', queue, exchange, key)),
  ])
  const ours = [
    ...topology.queues.map(({ name }) => `queue ${name} `),
    ...topology.exchanges.map(({ name }) => `exchange ${name} `),
  ]
  const missing = [...wanted].filter((it) => !found.has(it))
  const extra = [...found].filter((it) => !wanted.has(it) && ours.some((start) => it.startsWith(start)))
  return [
    ...missing.map((it) => ({ kind: 'missing' as const, text: `binding of ${it} is missing` })),
    ...extra.map((it) => ({ kind: 'extra' as const, text: `binding of ${it} is not in the topology` })),
  ]
}

const line = (kind: string, to: string, from: string, key: string) => `${kind} ${to} to ${from} by '${key}'`

const ask = async (managementUrl: string, vhost: string, timeoutMs: number) => {
  const { origin, pathname, username, password } = new URL(managementUrl)
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  const headers = { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` }
  const url = `${origin}${pathname.replace(/\/$/, '')}/api/bindings/${encodeURIComponent(vhost)}`
  try {
    const answer = await fetch(url, { headers, redirect: 'error', signal: AbortSignal.timeout(timeoutMs) })
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`)
    return Answer.parse(await answer.json())
  } catch (cause) {
    throw new Unavailable("the broker's management API did not answer", { code: 'broker.management', cause })
  }
}

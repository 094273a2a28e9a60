import { services } from '../../shared/contracts/index.ts'
import { filterToJson, measure, type OutboxRow, pagesOf } from '../../shared/outbox/index.ts'
import { exitCodes } from '../infra/command.ts'
import { withOutboxes } from './databases.ts'
import { createForesight, type Effect, type Predicted } from './hearing.ts'
import type { ReplayFlags, ReplayRequest } from './replay-request.ts'
import { interruptible, type Settings } from './settings.ts'
import { foreseeTarget } from './target.ts'
import { createJsonList, plural } from './terminal.ts'

type Totals = Record<string, Partial<Record<Effect, number>>>

interface Listing {
  add(service: string, row: OutboxRow, predicted: Predicted): void
  end(perService: Record<string, number>, consumers: Totals): void
}

/** Lists exactly what the replay would send now, and what it would do where it comes. Sends and keeps nothing. */
export const dryRun = async (
  settings: Settings,
  { services: chosen, filter }: ReplayRequest,
  { to, json }: ReplayFlags,
): Promise<number> => {
  const target = to === undefined ? undefined : await foreseeTarget(to, settings)
  const signal = interruptible()
  return withOutboxes(settings, services, async (outboxes) => {
    const foresee = createForesight(outboxes, settings.sagaNamespace, target)
    const listing = json ? jsonListing(filterToJson(filter), target?.queue ?? null) : textListing()
    const perService: Record<string, number> = {}
    const totals: Totals = {}
    for (const { service, sql } of outboxes.filter((it) => chosen.includes(it.service))) {
      const bounds = await measure(sql, filter)
      perService[service] = 0
      for await (const rows of pagesOf(sql, filter, { ...bounds, afterId: 0n })) {
        if (signal.aborted) return exitCodes.interrupted
        const predicted = await foresee(rows)
        rows.forEach((row, index) => {
          listing.add(service, row, predicted[index]!)
          count(totals, predicted[index]!)
        })
        perService[service] += rows.length
      }
    }
    listing.end(perService, totals)
    return exitCodes.ok
  })
}

const count = (totals: Totals, predicted: Predicted) => {
  for (const { queue, effect } of predicted) {
    totals[queue] ??= {}
    totals[queue][effect] = (totals[queue][effect] ?? 0) + 1
  }
}

const jsonListing = (filter: Record<string, unknown>, target: string | null): Listing => {
  const list = createJsonList({ dryRun: true, filter, target }, 'events')
  return {
    add: (service, { id, eventId, type, aggregateId }, to) =>
      list.add({ service, id: String(id), eventId, type, orderId: aggregateId, to }),
    end: (perService, consumers) => list.end({ services: perService, consumers }),
  }
}

const textListing = (): Listing => {
  let isHeaded = false
  return {
    add(service, { id, eventId, type, aggregateId }, to) {
      if (!isHeaded) console.log('outbox row, event, event id, order -> queue: what happens there')
      isHeaded = true
      const goes = to.map(({ queue, effect }) => `${queue}: ${effect}`).join(', ') || 'no listener'
      console.log(`${service} ${id} ${type} ${eventId} ${aggregateId} -> ${goes}`)
    },
    end(perService, consumers) {
      const total = Object.values(perService).reduce((sum, one) => sum + one, 0)
      const parts = Object.entries(perService).map(([service, rows]) => `${rows} of ${service}`)
      console.log(`would send ${plural(total, 'event')}: ${parts.join(', ')}`)
      for (const [queue, effects] of Object.entries(consumers)) {
        const words = Object.entries(effects).map(([effect, events]) => `${effect} ${events}`)
        console.log(`${queue} would ${words.join(', ')}`)
      }
    },
  }
}

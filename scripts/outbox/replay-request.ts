import type { ServiceName } from '../../shared/contracts/index.ts'
import { Refused } from '../../shared/failure/index.ts'
import type { ReplayFilter, ReplayStatus } from '../../shared/outbox/index.ts'
import { servicesOf } from './arguments.ts'

export interface ReplayFlags {
  service?: string
  type?: string[]
  order?: string
  since?: Date
  until?: Date
  fromId?: bigint
  toId?: bigint
  status?: ReplayStatus
  correlation?: string
  to?: string
  all?: true
  dryRun?: true
  rate: number
  resume?: string | true
  yes?: true
  env?: string
  json?: true
}

export interface ReplayRequest {
  services: ServiceName[]
  filter: ReplayFilter
}

const refuse = (sentence: string): never => {
  throw new Refused('invalid', sentence, { code: 'outbox.filter', next: 'npm run outbox -- replay --help' })
}

/** What the flags ask for. Throws Refused for what can't be meant. */
export const requestOf = (flags: ReplayFlags): ReplayRequest => {
  const { type, order, since, until, fromId, toId, correlation, status, service } = flags
  const filters = [type, order, since, until, fromId, toId, correlation, status]
  const empty = filters.every((it) => it === undefined)
  if (empty && !flags.all)
    refuse('A replay without a filter would send everything: name a filter, or say --all.')
  if (since && until && since >= until) refuse('The range is reversed: --until must be later than --since.')
  if (fromId !== undefined && toId !== undefined && fromId > toId)
    refuse('The range is reversed: --to-id must not be less than --from-id.')
  if ((fromId !== undefined || toId !== undefined) && servicesOf(service).length > 1)
    refuse('Row ids belong to one outbox: say which one with --service.')
  return { services: servicesOf(service), filter: filterOf(flags) }
}

const filterOf = ({
  type,
  order,
  since,
  until,
  fromId,
  toId,
  correlation,
  status,
}: ReplayFlags): ReplayFilter => {
  const isTrace = correlation !== undefined && !correlation.includes('-')
  const orderId = order ?? (isTrace ? undefined : correlation)
  if (!isTrace && correlation !== undefined && correlation !== orderId)
    refuse('--order and --correlation name different orders.')
  return {
    status: status ?? 'published',
    ...(type && { types: type }),
    ...(orderId !== undefined && { aggregateId: orderId }),
    ...(since && { since }),
    ...(until && { until }),
    ...(fromId !== undefined && { fromId }),
    ...(toId !== undefined && { toId }),
    ...(isTrace && { traceId: correlation }),
  }
}

const choosing = [
  'service',
  'type',
  'order',
  'since',
  'until',
  'fromId',
  'toId',
  'correlation',
  'status',
  'to',
  'all',
] as const

/** A run is resumed as it was begun. */
export const onlyResumes = (flags: ReplayFlags): void => {
  if (flags.dryRun || choosing.some((flag) => flags[flag] !== undefined))
    refuse('--resume goes on with a run as it was begun: it takes no filter, no --to and no --dry-run.')
}

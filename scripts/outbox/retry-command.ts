import type { ServiceName } from '../../shared/contracts/index.ts'
import { createNotifyHint, type Sql, unpark } from '../../shared/outbox/index.ts'
import { commandWithExamples, exitCodes } from '../infra/command.ts'
import { envOption, once, serviceOption, servicesOf, types, uuid } from './arguments.ts'
import { withOutboxes } from './databases.ts'
import { countParked, type ParkedAggregate, parkedAggregates, parkedLine } from './parked.ts'
import { commanded, guardProduction, readSettings } from './settings.ts'
import { plural } from './terminal.ts'

interface Flags {
  service?: string
  order?: string
  event?: string
  type?: string[]
  dryRun?: true
  env?: string
  json?: true
}

interface Result {
  service: ServiceName
  rows: number
  orders: number
  /** The oldest of these orders. */
  aggregates: ParkedAggregate[]
}

export const retryCommand = () =>
  commandWithExamples(
    'retry',
    'Lets the relay try parked rows again, after the cause is mended: whole aggregates, in their order.',
    [
      'npm run outbox -- retry --dry-run',
      'npm run outbox -- retry',
      'npm run outbox -- retry --order 01900000-0000-7000-8000-000000000001',
      'npm run outbox -- retry --service order --type OrderPlaced',
    ],
  )
    .addOption(serviceOption())
    .option('--order <id>', 'only the rows of this order', once(uuid))
    .option('--event <id>', 'only the aggregate of this event', once(uuid))
    .option('--type <type>', 'only aggregates with a parked event of this type', types)
    .option('--dry-run', 'list what is parked, and change nothing')
    .addOption(envOption())
    .option('--json', 'print the result as JSON')
    .action(commanded(retry))

const retry = async (flags: Flags): Promise<number> => {
  const settings = readSettings()
  if (!flags.dryRun) guardProduction(settings, flags.env)
  await withOutboxes(settings, servicesOf(flags.service), async (outboxes) => {
    const results: Result[] = []
    for (const { service, sql } of outboxes) {
      const { order: orderId, event: eventId, type: types } = flags
      const filter = { orderId, eventId, types }
      const aggregates = await parkedAggregates(sql, filter)
      const counted = await countParked(sql, filter)
      const rows = flags.dryRun ? counted.rows : await release(sql, flags)
      results.push({ service, rows, orders: counted.aggregates, aggregates })
    }
    if (flags.json) console.log(JSON.stringify({ dryRun: flags.dryRun === true, services: results }))
    else
      for (const { service, rows, orders, aggregates } of results) {
        console.log(
          `${service}: ${plural(rows, 'parked row')}${flags.dryRun ? '' : ' given back to the relay'}`,
        )
        for (const one of aggregates) console.log(parkedLine(one))
        if (orders > aggregates.length)
          console.log(`  and ${plural(orders - aggregates.length, 'more order')}`)
      }
  })
  return exitCodes.ok
}

const release = async (sql: Sql, { order, event, type }: Flags): Promise<number> => {
  const filter = {
    ...(order !== undefined && { aggregateId: order }),
    ...(event !== undefined && { eventId: event }),
  }
  let rows = 0
  for (const one of type ?? [undefined])
    rows += await unpark(sql, one === undefined ? filter : { ...filter, type: one })
  if (rows > 0) await wake(sql)
  return rows
}

// A hint: whoever misses it finds the rows at its next poll.
const wake = async (sql: Sql) => {
  createNotifyHint(sql)()
  await sql.$queryRawUnsafe('select 1')
}

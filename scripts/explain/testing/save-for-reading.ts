import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { services } from '../../../shared/contracts/index.ts'
import type { System } from '../../../test/system/index.ts'
import { mermaidOf } from '../mermaid.ts'
import { nodesOf } from '../tree.ts'
import type { Seen } from './explain-in.ts'

/** SAVE=<folder> keeps the outputs next to the rows they were made of, for reading. */
export const save = async (name: string, system: System, it: Seen) => {
  const folder = process.env.SAVE
  if (folder === undefined) return
  await mkdir(folder, { recursive: true })
  const rows: Record<string, unknown> = {}
  for (const service of services) {
    const outbox = await system.sql(
      service,
      `select id, event_id, type, headers ->> 'cloudEvents:causationid' as cause, created_at, published_at, attempts, parked_at
       from outbox where aggregate_id = $1 order by id`,
      [it.order.id],
    )
    const ids = nodesOf(it).map(({ row }) => row.eventId)
    const inbox = await system.sql(service, 'select * from inbox where event_id = any($1::uuid[])', [ids])
    rows[service] = { outbox, inbox }
  }
  rows.history = await system.sql('order', 'select * from order_status_history where order_id = $1', [
    it.order.id,
  ])
  await writeFile(
    join(folder, `${name}.txt`),
    `${it.text}\n\n${mermaidOf(it)}\n\n${JSON.stringify(rows, null, 1)}\n`,
  )
}

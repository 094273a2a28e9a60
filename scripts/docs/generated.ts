import { readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { choreography as order } from '../../services/order/choreography.ts'
import { choreography as product } from '../../services/product/choreography.ts'
import { choreography as user } from '../../services/user/choreography.ts'
import { commands, procedures, services } from '../../shared/contracts/index.ts'
import { bindingsOf, eventTable, flowchart } from '../../shared/saga/index.ts'
import { projectRoot, topologyOf } from '../infra/index.ts'
import { comparisonShort, comparisonTables } from './comparison-tables.ts'
import { roomsTable } from './rooms-table.ts'
import { settingsOfCommands, settingsOfServices } from './settings-table.ts'

const system = { order, product, user }

const mermaid = (text: string) => `\`\`\`mermaid\n${text}\n\`\`\``

const bindings = () =>
  [
    '| queue | is bound by | what for |',
    '| --- | --- | --- |',
    ...services.map((service) => {
      const { rows } = system[service]
      const heard = rows.filter((row) => row.source === 'event').map(({ input }) => `\`${input}\``)
      const keys = bindingsOf(rows).map((key) => `\`${key}\``)
      return `| \`${service}.events\` | ${keys.join(', ')} | ${heard.join(', ')} |`
    }),
  ].join('\n')

const doors = () =>
  [
    '| queue | pattern | served by |',
    '| --- | --- | --- |',
    ...Object.entries(commands).map(([name, { by }]) => `| \`${name}\` | default exchange | ${by} |`),
    ...Object.entries(procedures).map(([name, { by }]) => `| \`${name}\` | RPC | ${by} |`),
  ].join('\n')

const queues = () => {
  const { queues: all } = topologyOf({ namespace: '', retryDelaysMs: [200, 1_000, 5_000, 30_000] })
  const shown = all.filter(({ name }) => name.startsWith('order.events') || name === 'order_create')
  return [
    '| queue | arguments |',
    '| --- | --- |',
    ...shown.map(({ name, arguments: given }) => {
      const list = Object.entries(given).map(
        ([key, value]) => `\`${key}\` ${value === '' ? '(default exchange)' : value}`,
      )
      return `| \`${name}\` | ${list.join(', ')} |`
    }),
  ].join('\n')
}

/** What is derived, by the name its place in a document has. */
const blocks: Record<string, () => string> = {
  flowchart: () => mermaid(flowchart(system)),
  events: () => eventTable(system),
  bindings,
  doors,
  queues,
  rooms: roomsTable,
  servicesettings: settingsOfServices,
  commandsettings: settingsOfCommands,
  comparison: comparisonTables,
  comparisonshort: comparisonShort,
}

const documents = ['README.md', 'docs/architecture.md', 'docs/comparison.md', 'docs/environment.md']
const place = /(<!-- generated: ([a-z]+) -->\n)[\s\S]*?(<!-- end of \2 -->)/g

export interface GeneratedDocument {
  /** Relative to the project. */
  file: string
  fresh: boolean
  text: string
}

/** The documents with their derived parts as the code has them now. Throws for a part nobody derives. */
export const generatedDocuments = async (): Promise<GeneratedDocument[]> =>
  Promise.all(
    documents.map(async (name) => {
      const file = join(projectRoot, name)
      const before = await readFile(file, 'utf8')
      const text = before.replace(place, (_, begin: string, block: string, end: string) => {
        const derive = blocks[block]
        if (derive === undefined) throw new Error(`${name} asks for ${block}, which nobody derives`)
        return `${begin}${derive()}\n${end}`
      })
      return { file: relative(process.cwd(), file), fresh: text === before, text }
    }),
  )

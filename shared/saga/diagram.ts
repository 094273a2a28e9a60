import { type EventType, events } from '../contracts/index.ts'
import { listenersOf, reactionsOf, type System } from './graph.ts'

const slug = (name: string) => name.replace(/[^A-Za-z0-9]/g, '_')

/** The choreography as a Mermaid flowchart: reactions as boxes grouped by service, events as arrows. */
export const flowchart = (system: System): string => {
  const reactions = reactionsOf(system)
  const node = (service: string, input: string) => slug(`${service}_${input}`)
  const lines = ['flowchart LR']
  for (const service of Object.keys(system)) {
    lines.push(`  subgraph ${service}`)
    for (const it of reactions.filter((reaction) => reaction.service === service)) {
      lines.push(`    ${node(service, it.input)}["${it.source === 'event' ? `on ${it.input}` : it.input}"]`)
    }
    lines.push('  end')
  }
  for (const { service, input, emits } of reactions) {
    for (const type of emits) {
      const listeners = listenersOf(system, type)
      for (const listener of listeners) {
        lines.push(`  ${node(service, input)} -- ${type} --> ${node(listener, type)}`)
      }
      if (listeners.length === 0)
        lines.push(`  ${node(service, input)} -- ${type} --> ${slug(type)}(("final"))`)
    }
  }
  return lines.join('\n')
}

/** The events as a Markdown table: by whom, routing key, who reacts with what. */
export const eventTable = (system: System): string => {
  const reactions = reactionsOf(system)
  const rows = (Object.keys(events) as EventType[]).map((type) => {
    const answers = reactions
      .filter((it) => it.input === type)
      .map(({ service, emits }) => `${service}${emits.length > 0 ? ` -> ${emits.join(' or ')}` : ''}`)
    const { by, routingKey, version } = events[type]
    return `| \`${type}\` | ${by} | \`${routingKey}\` | ${version} | ${answers.join('; ') || 'final'} |`
  })
  return [
    '| event | by | routing key | version | who reacts, and says |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n')
}

import { commands, procedures, services } from '../contracts/index.ts'
import { eventQueue } from '../messaging/index.ts'

const worked = new Set([
  ...services.map((service) => eventQueue('', service)),
  ...Object.keys(commands),
  ...Object.keys(procedures),
])

/** Whether a queue is one that a service works on, in any namespace, or one of its retry and dead-letter queues. */
export const isOwnQueue = (name: string): boolean => {
  const plain = name.replace(/\.(retry\.\d+|dead)$/, '')
  return [...worked].some((own) => plain === own || plain.endsWith(`.${own}`))
}

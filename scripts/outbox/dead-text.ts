import { visible } from '../../shared/log/index.ts'
import type { DeadLetter } from './dead-letters.ts'

/** A dead letter in one line. */
export const deadLine = ({ queue, id, type, orderId, code, reason, failedAt }: DeadLetter): string =>
  safe(
    `${queue} ${type ?? 'no type'} ${id ?? 'no id'} order ${orderId ?? 'unknown'} ${code}: ${reason}${failedAt === undefined ? '' : ` (${failedAt})`}`,
  )

/** All that is known of it. */
export const deadText = (letter: DeadLetter): string => {
  const { message, failures } = letter
  const { headers, ...properties } = message.properties
  const set = Object.entries(properties).filter(([, value]) => value !== undefined)
  return [
    deadLine(letter),
    'properties:',
    ...set.map(([name, value]) => safe(`  ${name}: ${String(value)}`)),
    'headers:',
    ...Object.entries(headers ?? {})
      .filter(([name]) => name !== 'x-failures')
      .map(([name, value]) =>
        safe(`  ${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`),
      ),
    'failures:',
    ...(failures.length > 0 ? failures.map((it) => safe(`  ${it}`)) : ['  none noted']),
    'body:',
    safe(`  ${bodyOf(letter)}`),
  ].join('\n')
}

export const plainLetter = (letter: DeadLetter, whole = false): Record<string, unknown> => {
  const { message, ...rest } = letter
  if (!whole) return rest
  const { headers, ...properties } = message.properties
  return { ...rest, properties, headers, body: bodyOf(letter) }
}

const shown = 16_384

const bodyOf = ({ message: { content } }: DeadLetter): string =>
  content.length > shown
    ? `${content.subarray(0, shown).toString()}.. (${content.length} bytes)`
    : content.toString()

// Messages are strangers' text: one line stays one line.
const safe = (text: string): string => visible(text).replaceAll('\n', '\\n')

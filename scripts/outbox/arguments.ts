import { InvalidArgumentError, Option } from 'commander'
import { z } from 'zod'
import { eventTypes, isEventType, type ServiceName, services } from '../../shared/contracts/index.ts'

/** How flags are read; what is thrown becomes one sentence and exit code 2. */
const wrong = (sentence: string) => new InvalidArgumentError(sentence)

export const uuid = (text: string): string => {
  if (!z.guid().safeParse(text).success) throw wrong('It must be a UUID.')
  return text.toLowerCase()
}

/** The id of a message: any text, since what is no UUID is dead for just that. */
export const messageId = (text: string): string => {
  if (text === '') throw wrong('It must be the id of a message, as dead list shows it.')
  return text.toLowerCase()
}

const seconds: Record<string, number> = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 }

const longestYears = 100
const longestSeconds = longestYears * 366 * 86_400

/** `10s`, `15m`, `12h`, `7d`, `2w`, in seconds. */
export const duration = (text: string): number => {
  const [, count, unit = ''] = /^(\d{1,9})([smhdw])$/.exec(text) ?? []
  if (count === undefined) throw wrong('It must be a duration like 10s, 15m, 12h or 7d.')
  const length = Number(count) * seconds[unit]!
  if (length > longestSeconds) throw wrong(`It must be at most ${longestYears} years.`)
  return length
}

/** For an option of which only one can be meant: the last one would win without a word. */
export const once =
  <Value>(parse: (text: string) => Value) =>
  (text: string, before: Value | undefined): Value => {
    if (before !== undefined) throw wrong('It is given twice, and can be given once.')
    return parse(text)
  }

export const queueName = (text: string): string => {
  if (text.trim() === '') throw wrong('It must be the name of a queue, like user.events.')
  return text
}

/** A moment: ISO 8601 (without an offset it is UTC), a day, or how long ago. */
export const moment = (text: string): Date => {
  if (/^\d+[smhdw]$/.test(text)) return new Date(Date.now() - duration(text) * 1_000)
  if (z.iso.date().safeParse(text).success) return new Date(`${text}T00:00:00Z`)
  const iso = text.replace(' ', 'T')
  const local = z.iso.datetime({ local: true }).safeParse(iso).success && !iso.endsWith('Z')
  if (!local && !z.iso.datetime({ offset: true }).safeParse(iso).success)
    throw wrong(
      'It must be a time like 2026-11-22T10:00:00Z, a day like 2026-11-22, or how long ago, like 15m.',
    )
  return new Date(local ? `${iso}Z` : iso)
}

const largestId = 9_223_372_036_854_775_807n

export const rowId = (text: string): bigint => {
  if (!/^\d{1,19}$/.test(text) || BigInt(text) < 1n || BigInt(text) > largestId)
    throw wrong('It must be the id of an outbox row, a whole number from 1 on.')
  return BigInt(text)
}

export const wholeNumber =
  (least: number, most = 999_999_999) =>
  (text: string) => {
    const value = Number(text)
    if (!/^\d{1,9}$/.test(text) || value < least || value > most)
      throw wrong(`It must be a whole number from ${least} to ${most}.`)
    return value
  }

/** May be given several times, or with commas. */
export const types = (text: string, before: string[] = []): string[] => {
  const given = text.split(',')
  const unknown = given.find((type) => !isEventType(type))
  if (unknown !== undefined)
    throw wrong(`There is no event type '${unknown}'; there are ${eventTypes.join(', ')}.`)
  return [...new Set([...before, ...given])]
}

/** An order's id, or the trace id of its events. */
export const correlation = (text: string): string => {
  if (/^[0-9a-f]{32}$/i.test(text) || z.guid().safeParse(text).success) return text.toLowerCase()
  throw wrong("It must be an order's id (a UUID) or a trace id (32 hex digits).")
}

const serviceNames = [...services, 'all']

const serviceName = (text: string) => {
  if (!serviceNames.includes(text)) throw wrong(`Allowed choices are ${serviceNames.join(', ')}.`)
  return text
}

export const serviceOption = () =>
  new Option('--service <name>', `whose outbox: ${serviceNames.join(', ')} (default all)`).argParser(
    once(serviceName),
  )

export const servicesOf = (name = 'all'): ServiceName[] =>
  name === 'all' ? [...services] : services.filter((service) => service === name)

export const envOption = () =>
  new Option('--env <name>', 'say so before a production system is changed').choices([
    'production',
    'development',
  ])

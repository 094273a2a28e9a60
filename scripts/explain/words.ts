import { events, isEventType } from '../../shared/contracts/index.ts'

/** Minor units as people write them. */
export const money = (minor: unknown): string => {
  const value = Number(minor)
  return `${Math.trunc(value / 100).toLocaleString('en')}.${String(Math.abs(value) % 100).padStart(2, '0')}`
}

const said: Record<string, (data: Record<string, unknown>) => string> = {
  OrderPlaced: () => 'an order was placed',
  StockReserved: ({ total }) => `reserved, for ${money(total)} in all`,
  StockRejected: ({ reason }) => `can't be delivered: ${reason}`,
  BalanceDebited: ({ amount }) => `took ${money(amount)} from the balance`,
  BalanceRejected: ({ reason }) => `can't be paid: ${reason}`,
  OrderSucceeded: () => 'the order is SUCCESS',
  OrderFailed: ({ reason }) => `the order is FAILED (${reason}): undo what you did`,
  StockReleased: () => 'compensated: what was reserved is back in stock',
  BalanceRefunded: ({ amount }) => `compensated: ${money(amount)} is back in the balance`,
}

/** What an event says, in words. */
export const wordsOf = (type: string, data: Record<string, unknown>): string =>
  said[type]?.(data) ?? 'an event that the contracts do not know'

export const isFinal = (type: string): boolean => isEventType(type) && events[type].final

const units = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
] as const

/** A span for a sentence: `340 ms`, `12 s`, `4 min`. */
export const span = (ms: number): string => {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`
  const unit = units.find(([least]) => ms >= 2 * least)
  return unit === undefined ? `${Math.round(ms / 1_000)} s` : `${Math.round(ms / unit[0])} ${unit[1]}`
}

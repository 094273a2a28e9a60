/** Events that wait when a drain begins, at full scale. */
export const waitingEvents = 60_000
/** Published rows that lie in the same table, on the sides that keep some. */
export const keptRows = 1_000_000

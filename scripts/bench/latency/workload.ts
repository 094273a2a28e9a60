export const eventsPerSecond = 200
/** How long that lasts, at full scale, after some events that do not count. */
export const measuredSeconds = 20
export const warmUpEvents = 300

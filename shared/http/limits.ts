/** Every bound of the HTTP side, in one place; milliseconds unless the name says otherwise. */
export const defaultLimits = {
  bodyBytes: 64 * 1024,
  headerBytes: 16 * 1024,
  /** For a whole request to arrive; a slower one is answered 408. */
  receiveMs: 10_000,
  /** Of a request that is answered already: read and discarded so that its client gets to the answer. */
  discardBytes: 64 * 1024 * 1024,
  /** How often slow requests are looked for. */
  receiveCheckMs: 1_000,
  /** For a handler to answer: above the longest `Prefer: wait`. */
  handleMs: 35_000,
  keepAliveMs: 5_000,
  /** Connections without a request in progress; one more closes the oldest. */
  idleConnections: 512,
  /** Connections that are too new to count as idle; of one more the oldest does. */
  newConnections: 4096,
  /** How long a new connection may take to begin its first request until it counts as idle. */
  greetingMs: 1_000,
  /** Requests per second and Authorization header. */
  ratePerSecond: 100,
  heartbeatMs: 15_000,
  /** For one readiness check. */
  readinessMs: 1_000,
  /** How long /readyz is red before new connections are refused. */
  notReadyMs: 200,
  /** For requests in progress to end once the listener is closed. */
  drainMs: 5_000,
}

export type Limits = Readonly<typeof defaultLimits>

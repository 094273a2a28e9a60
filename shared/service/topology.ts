import { commandsOf, proceduresOf, type ServiceName, services } from '../contracts/index.ts'
import { describe, pause, Unavailable } from '../failure/index.ts'
import type { Log } from '../log/index.ts'
import {
  assertTopology,
  type BrokerConnection,
  createGate,
  declareTopology,
  exchangesOf,
  inNamespace,
  mergeTopologies,
  requestQueue,
  serviceTopology,
  type Topology,
  type VerifyOptions,
  verifyTopology,
  workQueue,
} from '../messaging/index.ts'
import { bindingsOf, type Rows } from '../saga/index.ts'

export interface TopologyOptions {
  namespace: string
  retryDelaysMs: readonly number[]
}

/**
 * What one service needs of the broker: all exchanges, its own queue bound as its choreography table says, and the
 * queues of its commands and procedures.
 */
export const topologyFor = (
  service: ServiceName,
  rows: Rows,
  { namespace, retryDelaysMs }: TopologyOptions,
): Topology =>
  mergeTopologies(
    exchangesOf(namespace, services),
    serviceTopology({ namespace, service, hears: bindingsOf(rows), retryDelaysMs }),
    ...commandsOf(service).map((name) => workQueue(inNamespace(namespace, name), retryDelaysMs)),
    ...proceduresOf(service).map((name) => requestQueue(inNamespace(namespace, name))),
  )

/** The whole system's topology, from the choreography tables of all services. */
export const systemTopologyOf = (
  system: Readonly<Record<ServiceName, { rows: Rows }>>,
  options: TopologyOptions,
): Topology =>
  mergeTopologies(...services.map((service) => topologyFor(service, system[service].rows, options)))

export interface TopologyKeeper {
  /**
   * Throws Unavailable when the broker is reached in a few seconds and has something otherwise; a broker that is not there is no error.
   * Returns at once when the signal aborts.
   */
  firstLook(signal: AbortSignal): Promise<void>
  /** Resolves when the topology stands; rejects with the signal's reason, also when that has aborted before. */
  ready(signal: AbortSignal): Promise<void>
  isUp(): boolean
  /** Declares it again now; throws Unavailable. */
  redeclare(): Promise<void>
  stop(): Promise<void>
}

/** A lost binding is noticed by nobody but its owner, so the owner asserts its bindings again this often. */
const reassertMs = 5_000
const retryMs = 1_000
const firstLookMs = 3_000
/** A declaration that waits for the broker for longer than this ends with the connection, which is closed next. */
const stopPatienceMs = 1_000

/** ACCESS_REFUSED, for want of the right to configure. */
const isForbidden = (error: unknown) => (error as { code?: unknown }).code === 403
const isDifferent = (error: unknown) => error instanceof Unavailable && error.code === 'topology.different'

/**
 * Verifies the topology once the broker answers, says in one line what is missing or different, makes what is missing, and keeps
 * asserting it. What is different is not touched: it is reported, and this service does not count as ready.
 */
export const keepTopology = (
  connection: BrokerConnection,
  topology: Topology,
  log: Log,
  options: VerifyOptions = {},
): TopologyKeeper => {
  const stopping = new AbortController()
  const standing = createGate('shut')
  let declaredFor: number | undefined
  let lastProblem: string | undefined
  let lastAway = ''
  let looked: (different?: unknown) => void = () => {}
  const firstLook = new Promise<unknown>((resolve) => {
    looked = resolve
  })

  const tellAway = (away: ReadonlySet<string>) => {
    const names = [...away].join(', ')
    if (names !== lastAway && names !== '')
      log.warn({ queues: names }, 'queues are on a broker node that is down')
    lastAway = names
  }

  /** A user who may not declare looks whether all is there that somebody else declared. */
  const orLook = (declared: Promise<ReadonlySet<string>>) =>
    declared.catch(async (error): Promise<ReadonlySet<string>> => {
      if (!isForbidden(error)) throw error
      await verifyTopology(connection, topology, options)
      return new Set()
    })

  const declare = async () => {
    tellAway(await orLook(declareTopology(connection, topology)))
    if (!standing.isOpen()) log.info({ queues: topology.queues.length }, 'broker topology stands')
    standing.open()
    lastProblem = undefined
  }

  // Hundreds of messages may find a queue gone at once.
  let declaring: Promise<void> | undefined
  const redeclare = () => {
    declaring ??= declare().finally(() => {
      declaring = undefined
    })
    return declaring
  }

  const verify = async () => {
    try {
      await verifyTopology(connection, topology, options)
    } catch (error) {
      if (isDifferent(error)) throw error
      log.warn({}, `${describe(error)}; making what is missing`)
    }
  }

  const run = async () => {
    while (!stopping.signal.aborted) {
      try {
        const { generation } = await connection.connected(stopping.signal)
        if (!standing.isOpen()) await verify()
        // After a restart of the broker a queue may be there and have no leader; in between only bindings can go unnoticed.
        if (standing.isOpen() && generation === declaredFor)
          tellAway(await orLook(assertTopology(connection, topology)))
        else await redeclare()
        declaredFor = generation
        looked()
      } catch (error) {
        standing.shut()
        looked(isDifferent(error) ? error : undefined)
        if (describe(error) !== lastProblem && !stopping.signal.aborted)
          log.error({ next: (error as Partial<Unavailable>).next }, describe(error))
        lastProblem = describe(error)
      }
      await pause(standing.isOpen() ? reassertMs : retryMs, stopping.signal)
    }
  }
  const running = run()

  return {
    async firstLook(signal) {
      const different = await Promise.race([firstLook, pause(firstLookMs, signal)])
      if (different !== undefined) throw different
    },
    redeclare,
    isUp: standing.isOpen,
    ready: standing.passed,
    async stop() {
      stopping.abort(new Error('stopping'))
      await Promise.race([running, pause(stopPatienceMs)])
    },
  }
}

import {
  BrokenCircuitError,
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleWhen,
} from 'cockatiel'
import { type ProcedureName, procedures, type ReplyOf, type RequestOf } from '../contracts/index.ts'
import { Unavailable } from '../failure/index.ts'
import type { Log } from '../log/index.ts'
import { inNamespace, publishRpc, type RpcCaller } from '../messaging/index.ts'
import { type Deadline, timeoutWithin } from './deadline.ts'
import { createInsistence, type Insistence, type InsistenceOptions } from './insistence.ts'

export interface CallOptions {
  /** Of the caller itself: the call gets its greater part, so that there is time left to tell of a time-out. */
  deadline?: Deadline | undefined
  traceparent?: string | undefined
  /** Also while the circuit is open: for an undo, which is worth a try that nobody waits for. */
  evenIfOpen?: boolean
}

export interface RpcClient extends Pick<Insistence, 'insist'> {
  /**
   * Calls a procedure and returns its reply. Throws RpcFailed: `unsent` means that it was certainly not executed (not sent, or
   * the circuit is open), `unknown` that it may have been.
   */
  call<P extends ProcedureName>(
    procedure: P,
    request: RequestOf<P>,
    options?: CallOptions,
  ): Promise<ReplyOf<P>>
  /** Gives what is insisted on its last try, and waits a little for it. */
  stop(): Promise<void>
}

export class RpcFailed extends Unavailable {
  readonly certainty: 'unsent' | 'unknown'

  constructor(message: string, certainty: 'unsent' | 'unknown', code: string) {
    super(message, { code, next: 'Try again; if it lasts, see that the service runs.' })
    this.certainty = certainty
  }
}

export interface RpcClientOptions {
  caller: RpcCaller
  namespace: string
  /** How long one call waits at most, milliseconds. */
  timeoutMs: number
  log: Log
  /** Between the tries of what is insisted on, milliseconds. */
  pausesMs?: InsistenceOptions['pausesMs']
  /** How long an open circuit refuses before it tries again, milliseconds. */
  halfOpenAfterMs?: number
}

// After so many failures in a row the service counts as dead; then one call in a while finds out whether it is back.
const failuresToOpen = 5
const defaultHalfOpenAfterMs = 2_000

// That this caller came too late tells nothing of the service.
const isServiceFailing = (error: unknown) => error instanceof RpcFailed && error.code !== 'rpc.no_time'

/** A client for all procedures, with a circuit breaker for each: a dead service is refused at once instead of after a time-out. */
export const createRpcClient = (options: RpcClientOptions): RpcClient => {
  const { caller, namespace, timeoutMs, log, pausesMs } = options
  const { halfOpenAfterMs: halfOpenAfter = defaultHalfOpenAfterMs } = options
  const { insist, stop } = createInsistence({ log, ...(pausesMs === undefined ? {} : { pausesMs }) })
  const circuits = new Map<ProcedureName, CircuitBreakerPolicy>()
  const circuitOf = (procedure: ProcedureName) => {
    const known = circuits.get(procedure)
    if (known !== undefined) return known
    const breaker = new ConsecutiveBreaker(failuresToOpen)
    const made = circuitBreaker(handleWhen(isServiceFailing), { halfOpenAfter, breaker })
    circuits.set(procedure, made)
    return made
  }

  const callOnce = async <P extends ProcedureName>(
    procedure: P,
    request: RequestOf<P>,
    options: CallOptions,
  ) => {
    const ms = timeoutWithin(options.deadline, timeoutMs)
    if (ms < 1) throw new RpcFailed(`no time left to call ${procedure}`, 'unsent', 'rpc.no_time')
    const outcome = await publishRpc(caller, {
      queue: inNamespace(namespace, procedure),
      procedure,
      body: request,
      timeoutMs: ms,
      headers: options.traceparent === undefined ? {} : { traceparent: options.traceparent },
    })
    if (outcome.kind !== 'reply') {
      const code = outcome.kind === 'unknown' ? 'rpc.timeout' : 'rpc.unreachable'
      throw new RpcFailed(`${procedure}: ${outcome.reason}`, outcome.kind, code)
    }
    const reply = procedures[procedure].reply.safeParse(outcome.body)
    if (!reply.success)
      throw new RpcFailed(`${procedure}: the reply is malformed`, 'unknown', 'rpc.bad_reply')
    return reply.data as ReplyOf<P>
  }

  return {
    async call(procedure, request, options = {}) {
      const once = () => callOnce(procedure, request, options)
      if (options.evenIfOpen) return once()
      const circuit = circuitOf(procedure)
      // One call finds out whether the service is back; the others are refused at once instead of waiting for that.
      if (circuit.state === CircuitState.HalfOpen) throw circuitOpen(procedure)
      try {
        return await circuit.execute(once)
      } catch (error) {
        throw error instanceof BrokenCircuitError ? circuitOpen(procedure) : error
      }
    },
    insist,
    stop,
  }
}

const circuitOpen = (procedure: ProcedureName) =>
  new RpcFailed(`${procedure} failed too often lately`, 'unsent', 'rpc.circuit_open')

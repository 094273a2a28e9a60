import { createPace } from './replay-pace.ts'
import type { OutboxRow, RelayTransport } from './transport.ts'

/** One row can't be sent; nothing after it counts as sent. */
export class ReplayRefused extends Error {
  readonly row: OutboxRow
  readonly reason: string
  constructor(row: OutboxRow, reason: string) {
    super(`event ${row.eventId} (${row.type}, row ${row.id}) can't be sent: ${reason}`)
    this.name = 'ReplayRefused'
    this.row = row
    this.reason = reason
  }
}

export interface SendOptions {
  transport: RelayTransport
  ratePerSecond: number
  /** Ends early: what is in flight is waited for, and send resolves. */
  signal: AbortSignal
  /** This row and all before it are confirmed; `count` of them since the beginning. */
  onConfirmed?: (lastId: bigint, count: number) => void
}

/** Rows in hand at once. */
const inFlight = 128

/**
 * Sends rows in the order given: pipelined over aggregates, one in flight within an aggregate, each until it is confirmed. After the
 * signal, and after a row that can't be sent, `send` takes no more.
 */
export const createSender = (options: SendOptions) => {
  const { transport, signal, onConfirmed = () => {} } = options
  const pace = createPace(options.ratePerSecond, signal)
  const lanes = new Map<string, Promise<void>>()
  const held: { id: bigint; confirmed: boolean }[] = []
  const broken = new AbortController()
  const stopped = AbortSignal.any([signal, broken.signal])
  let count = 0
  let flying = 0
  let landed = () => {}

  const advance = () => {
    let last: bigint | undefined
    while (held[0]?.confirmed) {
      last = held.shift()!.id
      count += 1
    }
    if (last !== undefined) onConfirmed(last, count)
  }

  const publish = async (row: OutboxRow, place: { confirmed: boolean }) => {
    while (!stopped.aborted) {
      const outcome = await transport.publish(row)
      if (outcome.kind === 'refused') throw new ReplayRefused(row, outcome.reason)
      if (outcome.kind === 'confirmed') {
        place.confirmed = true
        advance()
        return
      }
      await transport.ready(stopped)
    }
  }

  const launch = (row: OutboxRow) => {
    const place = { id: row.id, confirmed: false }
    held.push(place)
    flying += 1
    const before = lanes.get(row.aggregateId) ?? Promise.resolve()
    const lane = before
      .then(() => publish(row, place))
      .catch((error) => {
        if (!stopped.aborted) broken.abort(error)
      })
      .finally(() => {
        flying -= 1
        if (lanes.get(row.aggregateId) === lane) lanes.delete(row.aggregateId)
        landed()
      })
    lanes.set(row.aggregateId, lane)
  }

  const until = async (enough: () => boolean) => {
    while (!enough())
      await new Promise<void>((resolve) => {
        landed = resolve
      })
  }

  return {
    /** Takes more rows, as fast as the rate and what is in flight allow. */
    async send(rows: readonly OutboxRow[]): Promise<void> {
      for (const row of rows) {
        await until(() => flying < inFlight)
        await pace().catch(() => {})
        if (stopped.aborted) return
        launch(row)
      }
    },
    /** Waits for what is in flight. Throws ReplayRefused for a row that can't be sent, and whatever `ready` throws. */
    async settle(): Promise<void> {
      await until(() => flying === 0)
      if (broken.signal.aborted && !signal.aborted) throw broken.signal.reason
    },
    /** Takes no more; resolves when what is in flight has landed, and nothing follows it. */
    async giveUp(): Promise<void> {
      broken.abort()
      await until(() => flying === 0)
    },
    isStopped: () => stopped.aborted,
    confirmed: () => count,
  }
}

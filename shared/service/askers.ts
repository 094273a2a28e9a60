import { createBatch } from '../batch/index.ts'
import type { CommandName } from '../contracts/index.ts'
import type { Input } from '../saga/index.ts'
import { type Acted, type Ask, createAct, type Rim } from './act.ts'
import type { Cause } from './outgoing.ts'
import { silent } from './rim.ts'

type AskOne<State> = (ask: Ask) => Promise<Acted<State>>

/** As long as a request waits for a connection; far from the time a request has, so nothing begins after its caller was answered. */
const patienceMs = 2_000

/**
 * The ways in for commands and requests: each batched with what else is waiting at its door, answered one by one. A request is begun
 * soon, or refused as Unavailable and never begun; a command message has nobody who asks again, and waits.
 */
export const askers = <Tx, World, State>(rim: Rim<Tx, World, State>, max: number) => {
  const openDoor = (door: string, how: { through?: typeof rim; patienceMs?: number } = {}): AskOne<State> =>
    createBatch<Ask, Acted<State>>({ ...how, max, run: createAct(how.through ?? rim, door) })
  const httpDoors = new Map<Input['type'], AskOne<State>>()
  /** One for each kind of request: a cancellation that waits for a row which somebody holds does not hold up new orders. */
  const httpDoor = (type: Input['type']) => {
    const door = httpDoors.get(type) ?? openDoor('http', { patienceMs })
    httpDoors.set(type, door)
    return door
  }
  const rpc = openDoor('rpc', { patienceMs, through: silent(rim) })
  const commandDoors = new Map<CommandName, AskOne<State>>()
  const commandDoor = (name: CommandName) => {
    const door = commandDoors.get(name) ?? openDoor(name)
    commandDoors.set(name, door)
    return door
  }

  const decided = (acted: Acted<State>): State => {
    if (acted.kind === 'done') return acted.state
    throw acted.kind === 'failed' ? acted.error : new Error('only a message with an id can be a duplicate')
  }

  return {
    async ask(input: Input, cause?: Cause): Promise<State> {
      await rim.fault(`http.${input.type}.received`)
      const acted = await httpDoor(input.type)({ input, cause })
      await rim.fault(`http.${input.type}.afterCommit`)
      return decided(acted)
    },
    async askSilently(input: Input): Promise<State> {
      await rim.fault(`rpc.${input.type}.received`)
      const acted = await rpc({ input })
      await rim.fault(`rpc.${input.type}.afterCommit`)
      return decided(acted)
    },
    async askOnce(door: CommandName, input: Input, messageId: string, cause: Cause) {
      const acted = await commandDoor(door)({ input, messageId, cause })
      return acted.kind === 'duplicate' ? undefined : decided(acted)
    },
  }
}

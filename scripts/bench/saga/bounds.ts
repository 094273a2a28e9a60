import { availableParallelism } from 'node:os'
import type { Ran, SideAnswer } from '../part.ts'

/** An order is placed and its event published (`http`); three services react to an event each, and say one each. */
const reactions = 3
/** Placed, reserved, paid, settled. */
const commits = 4

/** CPU seconds of Node and both servers for one event or order; undefined where the servers were not our own. */
const cpuOfOne = (answer: SideAnswer | undefined): number | undefined => {
  if (answer?.cost === undefined) return undefined
  const { count, cpu } = answer.cost
  if (cpu.postgres === undefined || cpu.broker === undefined) return undefined
  return (cpu.node + cpu.postgres + cpu.broker) / count
}

/** Orders a second that all cores of this machine could settle, if an order cost what its parts cost alone, and the load no more. */
export const cpuBound = (ran: Ran): number | undefined => {
  const placed = cpuOfOne(ran('http', 'ours'))
  const consumed = cpuOfOne(ran('consume', 'queue'))
  const published = cpuOfOne(ran('relay', 'ours'))
  if (placed === undefined || consumed === undefined || published === undefined) return undefined
  return availableParallelism() / (placed + reactions * (consumed + published))
}

/** Milliseconds that an order takes at least: a commit in each service it passes, and the floor of each delivery between them. */
export const hopsFloor = (ran: Ran): number | undefined => {
  const floor = ran('latency', 'floor')?.outcome.figures
  if (floor?.commit === undefined || floor.p50 === undefined) return undefined
  return commits * floor.commit + reactions * floor.p50
}

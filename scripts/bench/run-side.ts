import { parts } from './parts.ts'
import { createScene, type SceneSettings } from './scene.ts'
import type { SideMessage } from './side-process.ts'

const tellEveryMs = 500

const send = (message: SideMessage, then: () => void = () => {}) => process.send?.(message, then)

/** Tells the parent how far a run is, now and then. */
const createTell = () => {
  let toldAt = 0
  return (done: number, of: number) => {
    if (performance.now() - toldAt < tellEveryMs) return
    toldAt = performance.now()
    send({ done, of })
  }
}

/** One side, once, in this process: `run-side.ts <part> <side> <scene as JSON>`; tells its parent what came out. */
const main = async ([partName, sideKey, settings]: string[]): Promise<void> => {
  const part = parts.find(({ name }) => name === partName)
  const side = part?.sides.find(({ key }) => key === sideKey)
  if (side === undefined) throw new Error(`${partName} has no side ${sideKey}`)
  const scene = createScene(JSON.parse(settings!) as SceneSettings, createTell())
  const outcome = await side.run(scene)
  send({ outcome, cost: scene.cost() }, () => process.disconnect())
}

await main(process.argv.slice(2))

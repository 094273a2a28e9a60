import { parts } from './parts.ts'
import { createScene, type SceneSettings } from './scene.ts'
import type { SideAnswer } from './side-process.ts'

/** One side, once, in this process: `run-side.ts <part> <side> <scene as JSON>`; tells its parent what came out. */
const main = async ([partName, sideKey, settings]: string[]): Promise<void> => {
  const part = parts.find(({ name }) => name === partName)
  const side = part?.sides.find(({ key }) => key === sideKey)
  if (side === undefined) throw new Error(`${partName} has no side ${sideKey}`)
  const scene = createScene(JSON.parse(settings!) as SceneSettings)
  const outcome = await side.run(scene)
  const answer: SideAnswer = { outcome, cost: scene.cost() }
  process.send?.(answer, () => process.disconnect())
}

await main(process.argv.slice(2))

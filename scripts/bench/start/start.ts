import type { ServiceName } from '../../../shared/contracts/index.ts'
import type { Outcome } from '../part.ts'
import { withServices } from '../saga/services.ts'
import type { Scene } from '../scene.ts'

/** From the start of the process to the first 200 of /readyz, on databases and queues that are there. */
export const startToReady = (scene: Scene, name: ServiceName): Promise<Outcome> =>
  // The second of two, since the first one may have to compile what has changed.
  withServices(scene, { names: [name] }, async ({ again }) => {
    let ms = 0
    await scene.window(1, async () => {
      const began = performance.now()
      await again(name)
      ms = performance.now() - began
    })
    return { figures: { ms } }
  })

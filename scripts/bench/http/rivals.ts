import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { withFilled } from '../databases.ts'
import type { Outcome } from '../part.ts'
import type { Scene } from '../scene.ts'
import { postOrders } from './load.ts'
import type { Kind } from './rival-door.ts'

const filling = { name: 'orders_0', service: 'order' as const, fill: async () => {} }

/** The same load on a door that is written another way, in a process of its own as the service is. */
export const postToRival = (scene: Scene, kind: Kind, requests: number): Promise<Outcome> =>
  withFilled(scene, filling, async (databaseUrl) => {
    const door = fork(join(import.meta.dirname, 'rival-door.ts'), [kind, databaseUrl], {
      execArgv: ['--import', 'tsx'],
    })
    try {
      const [url] = (await once(door, 'message')) as [string]
      return await postOrders(scene, url, requests)
    } finally {
      door.kill()
      await once(door, 'exit')
    }
  })

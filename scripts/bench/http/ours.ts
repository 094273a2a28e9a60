import type { Outcome } from '../part.ts'
import { withServices } from '../saga/services.ts'
import type { Scene } from '../scene.ts'
import { postOrders } from './load.ts'

/** The order service as it runs: checks and outbox, and its relay publishing what the load places unless `RELAY` is off. */
export const postToService = (scene: Scene, requests: number, RELAY: 'on' | 'off'): Promise<Outcome> =>
  withServices(scene, { names: ['order'], settings: { RELAY } }, ({ urls }) =>
    postOrders(scene, urls.order, requests),
  )

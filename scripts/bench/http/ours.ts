import type { Outcome } from '../part.ts'
import { withServices } from '../saga/services.ts'
import type { Scene } from '../scene.ts'
import { postOrders } from './load.ts'

/** The order service as it runs: checks, outbox, its relay publishing what the load places. */
export const postToService = (scene: Scene, requests: number): Promise<Outcome> =>
  withServices(scene, { names: ['order'] }, ({ urls }) => postOrders(scene, urls.order, requests))

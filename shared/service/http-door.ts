import { createHttpApp, type HttpOptions } from '../http/index.ts'
import type { Resources } from '../lifecycle/index.ts'
import type { ServiceConfig } from './config.ts'

export interface HttpDoorOptions extends HttpOptions {
  config: Pick<ServiceConfig, 'host' | 'port'>
  resources: Resources
}

/** Serves HTTP until the resources are released: opened last, so that stopping begins here. Throws Unavailable when the port can't be had. */
export const openHttpDoor = async ({ config, resources, ...options }: HttpDoorOptions): Promise<void> => {
  const { host, port } = config
  const app = createHttpApp(options)
  await resources.acquire(
    'the HTTP door',
    () => app.listen({ host, port }),
    (listening) => listening.stop(),
  )
}

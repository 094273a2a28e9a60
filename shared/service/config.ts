import { z } from 'zod'
import { type Config, port, serviceSettings } from '../config/index.ts'
import type { ServiceName } from '../contracts/index.ts'

/** Where each service listens when PORT does not say otherwise. */
export const ports: Record<ServiceName, number> = { user: 8000, product: 8001, order: 8002 }

export const serviceSchema = (name: ServiceName) => z.object({ ...serviceSettings, PORT: port(ports[name]) })
export type ServiceConfig = Config<ReturnType<typeof serviceSchema>>

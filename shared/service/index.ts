export { type Acted, type Ask, createAct } from './act.ts'
export { ports, type ServiceConfig, serviceSchema } from './config.ts'
export { createListener } from './listen.ts'
export { runRelay, runService } from './main.ts'
export {
  type Assembly,
  type Background,
  type CommandDoor,
  command,
  type Manifest,
  type Parts,
} from './manifest.ts'
export type { Cause } from './outgoing.ts'
export { publishRow, transportOver } from './relay.ts'
export { outboxRim } from './rim.ts'
export { startService } from './start.ts'
export { systemTopologyOf, topologyFor } from './topology.ts'

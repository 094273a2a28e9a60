export { openBrokerAccess, type Properties, type Seen, type Sending } from './broker.ts'
export { type Answer, createCall } from './http-client.ts'
export { crashPoints, killAt, killRounds, type Round } from './kill-matrix.ts'
export { checkInvariants, type InvariantOptions, settled, snapshotOf } from './rest.ts'
export type { Ending, ServiceProcess } from './service-process.ts'
export {
  addProduct,
  addUser,
  getOrder,
  type Line,
  type OrderBody,
  place,
  placeAndWait,
  placeMany,
} from './shop.ts'
export type { Snapshot } from './snapshot.ts'
export { readStream } from './sse.ts'
export { clientsWereTold, openShop, type Sent, type Shop, seeded, sendTraffic } from './traffic.ts'
export { retryDelaysMs, type System, type SystemOptions, withSystem } from './with-system.ts'

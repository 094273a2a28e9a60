export { brokerUrls, managementOffset } from './broker-url.ts'
export {
  type BrokerConnection,
  type BrokerState,
  type ConnectOptions,
  connectBroker,
  type Setup,
} from './connection.ts'
export {
  type ConsumeOptions,
  type Consumer,
  type ConsumerObserver,
  consume,
  type Outcome,
} from './consumer.ts'
export { withoutFailure } from './copies.ts'
export { assertTopology, declareTopology } from './declare-topology.ts'
export { type Envelope, type OutgoingEvent, parseEnvelope, toProperties } from './envelope.ts'
export { traceparentOf, uuidOf } from './envelope-attributes.ts'
export { createGate } from './gate.ts'
export type { Log } from './log-port.ts'
export { readBody, type Unreadable } from './message-body.ts'
export * from './patterns.ts'
export { maxBodyBytes, type PublishRequest } from './prepare.ts'
export type { PublishOutcome } from './publish-outcome.ts'
export { openPublisher, type Publisher, type PublisherOptions } from './publisher.ts'
export { queueAnswers } from './queue-answers.ts'
export {
  consumeRpc,
  deadlineOf,
  openRpcCaller,
  publishRpc,
  type RpcCaller,
  type RpcOutcome,
} from './rpc.ts'
export type { Session } from './session.ts'
export * from './topology.ts'
export { type VerifyOptions, verifyTopology } from './verify-topology.ts'

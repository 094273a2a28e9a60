import type { ServiceName } from '../../shared/contracts/index.ts'

/** The next command to type, as a verdict names it. */
export const commands = {
  service: (service: ServiceName) => `npm run ${service}`,
  relay: (service: ServiceName) => `npm run relay -- ${service}`,
  another: (service: ServiceName) => `PORT=<free port> npm run ${service}   # one more, to help`,
  startBroker: 'start RabbitMQ (docker compose up -d rabbitmq), or correct AMQP_URL',
  declareTopology: 'npm run migrate',
  declareAndRepair: 'npm run migrate && npm run outbox -- reconcile --repair',
  queueStatus: (queue: string) => `rabbitmq-queues quorum_status ${queue}`,
  outboxStatus: 'npm run outbox -- status --watch',
  retryParked: (service: ServiceName, orderId: string) =>
    `npm run outbox -- retry --service ${service} --order ${orderId}   # once the cause is mended`,
  reconcile: 'npm run outbox -- reconcile',
  dead: (eventId: string) => `npm run outbox -- dead show ${eventId}`,
  logOf: (service: ServiceName) =>
    `grep "message set aside" .data/logs/*${service}.log   # or where else it logs`,
  lookAtSession: (database: string, pid: number) =>
    `psql -d ${database} -c "select pid, query from pg_stat_activity where pid = ${pid}"   # then end it: select pg_terminate_backend(${pid})`,
  lookAtBroker: 'the same command again, with the broker',
  audit: (orderId: string) => `npm run audit -- --order ${orderId}`,
  explainAgain: 'the same command again in a moment',
} as const

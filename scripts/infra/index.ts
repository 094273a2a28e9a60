export { findRabbitServer } from './binaries.ts'
export { ensureClients, generateClient, staleClients } from './clients.ts'
export {
  commandWithExamples,
  exitCodes,
  type InfraFlag,
  infraOption,
  runCommand,
  sayError,
} from './command.ts'
export { type Daemon, startDaemon } from './daemon.ts'
export { type FindOptions, findServers, type Servers } from './find-servers.ts'
export { ownPlace } from './own-place.ts'
export { freePort, isFree, refuseTakenPort } from './ports.ts'
export { startPrivatePostgres } from './private-postgres.ts'
export { type PrivateCluster, startPrivateCluster, startPrivateRabbit } from './private-rabbit.ts'
export type { PrivateServer } from './private-server.ts'
export {
  brokerProblem,
  type DatabaseReport,
  databaseNameOf,
  databaseUrlOf,
  declareBroker,
  migrateDatabases,
  provision,
  provisionSettings,
  topologyOf,
} from './provision.ts'
export { composeSchema, migrationsOf, projectRoot } from './schemas.ts'
export { serviceCommand, serviceSettingsOf } from './service-command.ts'
export { followToTheEnd, startServiceProcess } from './service-process.ts'
export { shellWord } from './shell-word.ts'
export { type Kind, kinds } from './source.ts'

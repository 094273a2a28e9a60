export { type CallOptions, createRpcClient, type RpcClient, RpcFailed } from './client.ts'
export { type Deadline, deadlineIn } from './deadline.ts'
export { type Call, type Procedure, procedure, type RpcServerOptions, serveProcedure } from './server.ts'

import { Registry } from 'prom-client'
import { readConfig } from '../../../shared/config/index.ts'
import type { Mode, OrderBody, ProcedureName } from '../../../shared/contracts/index.ts'
import { noFaults } from '../../../shared/lifecycle/index.ts'
import { silentLog } from '../../../shared/log/index.ts'
import type { RpcCaller, RpcOutcome } from '../../../shared/messaging/index.ts'
import { createRpcClient, deadlineIn } from '../../../shared/rpc/index.ts'
import { decisionFor, type Input } from '../../../shared/saga/index.ts'
import { serviceSchema } from '../../../shared/service/index.ts'
import { type Call, withDatabase, withHttp } from '../../../shared/testing/index.ts'
import { type OrderDatabase, openOrderDatabase } from '../database.ts'
import { order } from '../service.ts'

type Answer = (body: { orderId: string }) => RpcOutcome | Promise<RpcOutcome>

export interface Desk {
  http: Call
  /** Serves a procedure of this service, as a caller over RPC would have it. */
  serve<Reply = { ok: boolean; order: OrderBody }>(procedure: ProcedureName, request: object): Promise<Reply>
  command(name: 'order.create' | 'order.update', data: object, messageId: string): Promise<void>
  ask(input: Input): Promise<unknown>
  statusOf(orderId: string): Promise<string | undefined>
  count(table: 'orders' | 'outbox' | 'inbox'): Promise<number>
  /** The procedures of other services that were called, in order. */
  asked: string[]
  /** Waits for what is insisted on. */
  rest(): Promise<void>
}

export interface DeskOptions {
  mode: Mode
  answers?: Partial<Record<ProcedureName, Answer>>
}

/** The order service as it is put together in either mode, on a database of its own, before other services that answer as told. */
export const desk =
  ({ mode, answers = {} }: DeskOptions, use: (desk: Desk) => Promise<void>) =>
  () =>
    withDatabase('order', async ({ url }) => {
      const database = openOrderDatabase({ url, name: 'test', poolSize: 6 })
      const asked: string[] = []
      const caller: RpcCaller = {
        async call({ procedure, body }) {
          asked.push(procedure)
          const answer = answers[procedure as ProcedureName]
          return answer?.(body as { orderId: string }) ?? { kind: 'unknown', reason: 'no reply' }
        },
        stop: async () => {},
      }
      const log = silentLog()
      const rpc = createRpcClient({ caller, namespace: '', timeoutMs: 2_000, log, pausesMs: [1, 1] })
      const handled = new Set<string>()
      const ask = async (input: Input) => {
        const { state, events } = await deciding(database, input)
        assembly.committed?.([{ kind: 'done', state, events }])
        return state
      }
      const assembly = order.assemble({
        config: readConfig(serviceSchema('order'), {
          DATABASE_URL: url,
          AMQP_URL: 'amqp://none:none@nowhere.invalid',
        }),
        log,
        database,
        metrics: new Registry(),
        fault: noFaults,
        byMode: (choices) => choices[mode],
        rpc,
        ask,
        askSilently: ask,
        async askOnce(_door, input, messageId) {
          if (handled.has(messageId)) return undefined
          handled.add(messageId)
          return ask(input)
        },
      })
      const rows = <Row>(sql: string, ...values: unknown[]) =>
        database.client.$queryRawUnsafe<Row[]>(sql, ...values)
      try {
        await withHttp(assembly.routes, (http) =>
          use({
            http,
            ask,
            asked,
            serve: async <Reply>(name: ProcedureName, request: object) =>
              (await assembly.procedures
                .find((it) => it.name === name)
                ?.run(request as never, { deadline: deadlineIn(1_000), traceparent: undefined })) as Reply,
            command: async (name, data, messageId) =>
              assembly.commands
                .find((it) => it.name === name)
                ?.run(data as never, { messageId, cause: { id: messageId } }),
            statusOf: async (id) =>
              (
                await rows<{ text: string }>(
                  `select concat_ws(' ', status, reason) as text from orders where id = $1::uuid`,
                  id,
                )
              )[0]?.text,
            count: async (table) =>
              Number((await rows<{ n: bigint }>(`select count(*) as n from ${table}`))[0]?.n),
            rest: rpc.stop,
          }),
        )
      } finally {
        await rpc.stop()
        await database.close()
      }
    })

const deciding = ({ transaction }: OrderDatabase, input: Input) =>
  transaction(async (tx) => {
    const { store, rows } = order.choreography
    const world = await store.load(tx, [input])
    const { state, events } = decisionFor(rows, input)(store.read(world, input), input)
    store.write(world, state)
    await store.save(tx, world)
    return { state, events }
  })

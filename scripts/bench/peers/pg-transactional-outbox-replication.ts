import { setTimeout as pause } from 'node:timers/promises'
import {
  createReplicationFullConcurrencyController,
  DatabaseSetup,
  initializeReplicationMessageListener,
} from 'pg-transactional-outbox'
import { type Peer, workOf } from './peer.ts'
import {
  clientConfig,
  common,
  handler,
  logger,
  runScript,
  settings,
  setupConfig,
} from './pg-transactional-outbox.ts'

const slotOf = (url: string) => `${clientConfig(url).database}_slot`
const publication = 'bench_outbox'

const peer: Peer = {
  ...common,
  setUp: async (url) => {
    const config = { ...setupConfig(url), publication, replicationSlot: slotOf(url) }
    await runScript(url, DatabaseSetup.dropAndCreateTable(config))
    await runScript(url, `create publication ${publication} for table outbox with (publish = 'insert')`)
    await runScript(url, DatabaseSetup.setupReplicationSlot(config))
  },
  start: async (url, publish) => {
    const config = {
      outboxOrInbox: 'outbox' as const,
      dbListenerConfig: clientConfig(url),
      settings: { ...settings, dbPublication: publication, dbReplicationSlot: slotOf(url) },
    }
    // No order at all, which is its fastest.
    const strategies = { concurrencyStrategy: createReplicationFullConcurrencyController() }
    const [stop] = initializeReplicationMessageListener(config, handler(publish), logger, strategies)
    return stop
  },
  tearDown: async (pool) => {
    const slots = 'from pg_replication_slots where database = current_database()'
    await pool.query(`select pg_terminate_backend(active_pid) ${slots} and active`)
    for (;;) {
      const { rows } = await pool.query<{ active: boolean }>(`select active ${slots}`)
      if (rows.every(({ active }) => !active)) break
      await pause(50)
    }
    await pool.query(`select pg_drop_replication_slot(slot_name) ${slots}`)
  },
}

export const { drain, deliver } = workOf(peer)

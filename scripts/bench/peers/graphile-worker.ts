import { Logger, run, runMigrations, type TaskList } from 'graphile-worker'
import { payloadSql } from '../events.ts'
import { type Peer, type Publish, workOf } from './peer.ts'

interface Event {
  id: string
  payload: unknown
}

const logger = new Logger(() => () => {})

/** https://worker.graphile.org/docs/scaling and /performance: many jobs at once, fetched and completed in batches. */
const preset = {
  worker: {
    concurrentJobs: 100,
    maxPoolSize: 10,
    localQueue: { size: 500 },
    completeJobBatchDelay: 0,
    failJobBatchDelay: 0,
  },
}

const tasks = (publish: Publish): TaskList => ({
  publish: async (payload) => {
    const event = payload as Event
    await publish(event.id, event.payload)
  },
})

const peer: Peer = {
  setUp: (connectionString) => runMigrations({ connectionString, logger }),
  fill: async (pool, _url, count, bytes) => {
    await pool.query(
      `select graphile_worker.add_job('publish',
         json_build_object('id', gen_random_uuid(), 'payload', ${payloadSql(bytes)}))
       from generate_series(1, $1::int) n`,
      [count],
    )
  },
  start: async (connectionString, publish) => {
    const options = { connectionString, logger, noHandleSignals: true, taskList: tasks(publish), preset }
    const runner = await run(options)
    return () => runner.stop()
  },
  write: async (pool, { id, payload }) => {
    await pool.query(`select graphile_worker.add_job('publish', $1::json)`, [JSON.stringify({ id, payload })])
  },
}

export const { drain, deliver } = workOf(peer)

// limit: 300 s
import { readFile } from 'node:fs/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually } from '../../shared/testing/index.ts'
import { commandEnv, startOutbox, withStage } from './testing/with-stage.ts'

const rows = 100_000

/** The most memory that the program ever had, in MB; undefined where the system does not tell. */
const peakMb = async (pid: number | undefined): Promise<number | undefined> => {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  const [, kb] = /^VmHWM:\s+(\d+) kB$/m.exec(status) ?? []
  return kb === undefined ? undefined : Number(kb) / 1_024
}

test(`${rows} rows are listed and sent in a heap that could not hold them`, () =>
  withStage(async (stage) => {
    await stage.sql(
      'order',
      `insert into outbox (event_id, type, aggregate_id, exchange, routing_key, payload, created_at, published_at)
       select gen_random_uuid(), 'OrderSucceeded', gen_random_uuid(), $2, 'update.order', jsonb_build_object('filler', repeat('x', 1000)), at, at
       from generate_series(1, $1::int), (select clock_timestamp() - interval '1 hour' as at) as past`,
      [rows, stage.name('EX_ORDER')],
    )
    // Nobody need hear a final event, and here nobody does.
    await stage.broker.withChannel((channel) =>
      channel.unbindQueue(`${stage.namespace}.wiretap`, stage.name('EX_TOPIC'), '#'),
    )
    const env = commandEnv(stage.namespace, stage.amqpUrl, { NODE_OPTIONS: '--max-old-space-size=64' })
    for (const args of [
      ['replay', '--all', '--dry-run'],
      ['replay', '--all', '--rate', '100000'],
    ]) {
      const { child, ended, said } = startOutbox(env, args)
      let peak: number | undefined
      await eventually(
        async () => {
          peak = (await peakMb(child.pid)) ?? peak
          return child.exitCode !== null || child.signalCode !== null
        },
        { withinMs: 240_000, everyMs: 100 },
      )
      const { code, out } = await ended
      assert.is(code, 0, said().err.slice(-2_000))
      assert.match(
        out.slice(-300),
        args.includes('--dry-run') ? `would send ${rows} events` : `order: sent ${rows} of ${rows} events`,
      )
      if (peak !== undefined) assert.ok(peak < 400, `${peak} MB`)
    }
  }))

test.run()

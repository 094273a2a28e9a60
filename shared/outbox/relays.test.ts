import { setTimeout as pause } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually, standstill } from '../testing/index.ts'
import { openSession } from './session.ts'
import { markPublished } from './settle.ts'
import { firsts, upTo } from './testing/fake-transport.ts'
import { type Child, type Children, withChildren } from './testing/relay-children.ts'
import { pendingCount, seed, withOutbox } from './testing/with-outbox.ts'

const drained = ({ sql }: Children) =>
  eventually(async () => (await pendingCount(sql)) === 0, { withinMs: 40_000, everyMs: 50 })

/** Nothing lost, and each aggregate's events for the first time in their order. Returns how many repeats there were. */
const checkLog = async ({ published }: Children, ids: readonly string[], each: number): Promise<number> => {
  const log = await published()
  for (const id of ids) {
    const places = log.filter((one) => one.aggregateId === id).map((one) => one.place)
    assert.equal(firsts(places), upTo(each))
  }
  return log.length - ids.length * each
}

for (const count of [1, 2, 5])
  test(`${count} relays, no kill: in order, each once; on SIGTERM the next one takes over without a repeat`, () =>
    withChildren(async (given) => {
      const relays = upTo(count).map(() => given.start())
      const ids = await seed(given.sql, 20, 10)
      await drained(given)
      const [{ relay: leader } = { relay: '' }] = await given.published()
      const later = await seed(given.sql, 20, 10)
      relays.find(({ name }) => name === leader)!.signal('SIGTERM')
      if (count === 1) given.start()
      await drained(given)
      assert.is(await checkLog(given, [...ids, ...later], 10), 0)
    }))

/** Whoever published last. */
const leaderOf = async ({ published }: Children, relays: readonly Child[]): Promise<Child | undefined> => {
  const last = (await published()).at(-1)
  return relays.find(({ name, process }) => name === last?.relay && process.signalCode === null)
}

for (const count of [1, 2, 5])
  test(`${count} relays under SIGKILL and SIGSTOP beyond the lease: nothing lost, order kept`, () =>
    withChildren(async (given) => {
      let relays = upTo(count).map(() => given.start())
      const ids: string[] = []
      for (let round = 0; round < 4; round += 1) {
        ids.push(...(await seed(given.sql, 10, 30)))
        const before = (await given.published()).length
        const victim = await eventually(
          async () => (await given.published()).length > before + 40 && leaderOf(given, relays),
          { withinMs: 20_000, everyMs: 10 },
        )
        victim.signal(round % 2 === 0 ? 'SIGKILL' : 'SIGSTOP')
        if (round % 2 === 0) relays = relays.filter((one) => one !== victim)
        relays.push(given.start())
        // Another has taken over; then the one that was stopped comes back, with rows in its hands.
        await eventually(
          async () => {
            const [last] = (await given.published()).slice(-1)
            return last!.relay !== victim.name || (await pendingCount(given.sql)) === 0
          },
          { withinMs: 20_000 },
        )
        victim.signal('SIGCONT')
      }
      await drained(given)
      await checkLog(given, ids, 30)
    }))

test('a stale leader, stopped beyond its lease with confirms on their way, marks nothing', () =>
  withChildren(async (given) => {
    const confirmAfterMs = 2_000
    const stale = given.start({ confirmAfterMs })
    await eventually(() => stale.states.includes('leading'))
    const ids = await seed(given.sql, 5, 2)
    await eventually(async () => (await given.published()).length === 5, { everyMs: 5 })
    stale.signal('SIGSTOP')
    await standstill(stale.process.pid!)
    const confirmedAt = performance.now() + confirmAfterMs
    assert.is(await pendingCount(given.sql), 10)
    const successor = given.start({ mute: true })
    await eventually(() => successor.states.includes('leading') && performance.now() > confirmedAt)
    stale.signal('SIGCONT')
    await eventually(() => stale.states.at(-1) === 'standby')
    assert.equal(stale.states, ['leading', 'disconnected', 'standby'])
    assert.is(await pendingCount(given.sql), 10)
    successor.signal('SIGKILL')
    await drained(given)
    assert.ok((await checkLog(given, ids, 2)) >= 5)
  }))

for (const cut of ['not ready', 'unknown'] as const)
  test(`a leader that can not reach the broker gives the lead up, and leads again when it can: ${cut}`, () =>
    withChildren(async (given) => {
      const leader = given.start({ cut })
      await eventually(() => leader.states.includes('leading'))
      const other = given.start()
      await eventually(() => other.states.includes('standby'))
      leader.signal('SIGUSR2')
      const ids = await seed(given.sql, 5, 4)
      await eventually(() => other.states.includes('leading'))
      await drained(given)
      await eventually(() => leader.states.at(-1) === 'standby')
      assert.equal(leader.states.slice(0, 2), ['leading', 'disconnected'])
      other.signal('SIGKILL')
      await other.ended()
      const later = await seed(given.sql, 5, 4)
      // Longer than a stand-by takes to see that nobody leads.
      await pause(500)
      if (cut === 'not ready') assert.is(leader.states.at(-1), 'standby')
      assert.is(await pendingCount(given.sql), 20)
      leader.signal('SIGUSR2')
      await drained(given)
      assert.is(await checkLog(given, [...ids, ...later], 4), 0)
    }))

test('a session that says nothing for its lease is dropped, its lock with it, and it can mark no more', () =>
  withOutbox(async ({ url, sql }) => {
    await seed(sql, 1, 1)
    const open = (leaseMs: number) =>
      openSession({ databaseUrl: url, leaseMs, onNotification: () => {}, onLost: () => {} })
    const lock = 'select pg_try_advisory_lock(7) as won'
    const first = await open(300)
    assert.equal(await first.sql.$queryRawUnsafe(lock), [{ won: true }])
    const second = await open(60_000)
    await eventually(async () => {
      const [row] = await second.sql.$queryRawUnsafe<{ won: boolean }[]>(lock)
      return row!.won
    })
    const ids = [1n]
    let refused = false
    await markPublished(first.sql, ids).catch(() => {
      refused = true
    })
    assert.ok(refused)
    assert.is(await pendingCount(sql), 1)
    await Promise.all([first.close(), second.close()])
  }))

for (const [at, repeats] of [
  ['relay.afterClaim', 'none'],
  ['relay.afterPublish', 'any'],
  ['relay.afterConfirm', 'some'],
  ['relay.beforeMark', 'some'],
  ['relay.afterMark', 'any'],
] as const)
  test(`killed at ${at}: the next relay goes on, nothing lost, order kept`, () =>
    withChildren(async (given) => {
      const ids = await seed(given.sql, 5, 5)
      // A confirm that is slow enough for the publish to be on record before the process dies.
      const doomed = given.start({ crash: { at, nth: 1 }, confirmMs: 20 })
      await doomed.ended()
      assert.is(doomed.process.signalCode, 'SIGKILL')
      given.start()
      await drained(given)
      const found = await checkLog(given, ids, 5)
      if (repeats === 'none') assert.is(found, 0)
      if (repeats === 'some') assert.ok(found > 0)
    }))

test.run()

// limit: 600 s
import { setTimeout as pause } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually } from '../../shared/testing/index.ts'
import { addProduct, addUser, place, settled } from '../../test/system/index.ts'
import { runScript } from '../explain/testing/explain-in.ts'
import { type Stage, withRunningStage } from './testing/with-stage.ts'

const ordersPerSecond = 30
const legSeconds = 10
const rounds = 3
/** Four events each: more than a replay at the default rate sends in a leg. */
const ordersBefore = 700

interface Shop {
  users: readonly string[]
  products: readonly string[]
}

const one = (stage: Stage, { users, products }: Shop, nth: number) =>
  place(stage, users[nth % users.length]!, [{ productId: products[nth % products.length]!, quantity: 1 }])

/** Orders at a steady rate, whatever becomes of those before. */
const steadily = async (stage: Stage, shop: Shop): Promise<string[]> => {
  const begun = performance.now()
  const placed: Promise<string>[] = []
  for (let nth = 0; nth < ordersPerSecond * legSeconds; nth += 1) {
    await pause(Math.max(0, begun + (nth * 1_000) / ordersPerSecond - performance.now()))
    placed.push(one(stage, shop, nth).then(({ body }) => body.id))
  }
  return Promise.all(placed)
}

/** From placed to terminal, by the clock of the order database. */
const timesOf = async (stage: Stage, ids: readonly string[]): Promise<number[]> => {
  const rows = await stage.sql<{ ms: number }>(
    'order',
    `select (extract(epoch from updated_at - created_at) * 1000)::float8 as ms from orders
     where id = any($1::uuid[]) and status = 'SUCCESS'`,
    [ids],
  )
  assert.is(rows.length, ids.length, 'every order succeeded')
  return rows.map(({ ms }) => ms)
}

const shareOf = (times: readonly number[], share: number): number =>
  [...times].sort((a, b) => a - b)[Math.ceil(times.length * share) - 1] ?? Number.NaN

const replayed = (stage: Stage) => stage.broker.wiretap.filter(({ headers }) => 'x-replay' in headers).length

/** One leg without and one beside a replay, which lasts for all of it. */
const round = async (stage: Stage, shop: Shop, replayFirst: boolean) => {
  const alone = async () => {
    const ids = await steadily(stage, shop)
    await settled(stage)
    return timesOf(stage, ids)
  }
  const beside = async () => {
    const before = replayed(stage)
    const running = stage.start('replay', '--all', '--yes')
    await eventually(() => replayed(stage) > before, { withinMs: 60_000 })
    const ids = await steadily(stage, shop)
    assert.is(running.child.exitCode, null, 'it was sending all the time')
    running.child.kill('SIGINT')
    assert.is((await running.ended).code, 130)
    await settled(stage)
    return timesOf(stage, ids)
  }
  if (!replayFirst) return { alone: await alone(), beside: await beside() }
  const times = await beside()
  return { alone: await alone(), beside: times }
}

test('a replay at the default rate beside live orders: all of them succeed, nothing happens twice; how long they took is printed', () =>
  withRunningStage(async (stage) => {
    const shop = {
      users: await Promise.all(Array.from({ length: 20 }, () => addUser(stage))),
      products: await Promise.all(Array.from({ length: 20 }, () => addProduct(stage))),
    }
    for (let nth = 0; nth < ordersBefore; nth += 20)
      await Promise.all(Array.from({ length: 20 }, (_, more) => one(stage, shop, nth + more)))
    await settled(stage)
    const all = { alone: [] as number[], beside: [] as number[] }
    for (let nth = 0; nth < rounds; nth += 1) {
      const { alone, beside } = await round(stage, shop, nth % 2 === 1)
      all.alone.push(...alone)
      all.beside.push(...beside)
      tell(`round ${nth + 1}`, alone, beside)
    }
    tell('all rounds', all.alone, all.beside)
    const audited = await runScript('audit', stage.namespace, ['--grace', '1000'])
    assert.is(audited.code, 0, audited.stdout)
  }))

const tell = (what: string, alone: readonly number[], beside: readonly number[]) => {
  const ms = (times: readonly number[], share: number) => Math.round(shareOf(times, share))
  const p99 = [shareOf(alone, 0.99), shareOf(beside, 0.99)] as const
  console.log(
    `${what}: ${ordersPerSecond} orders/s settled in ${ms(alone, 0.5)} ms (median), ${ms(alone, 0.99)} ms (p99); ` +
      `beside a replay ${ms(beside, 0.5)} ms, ${ms(beside, 0.99)} ms; p99 ratio ${(p99[1] / p99[0]).toFixed(2)}`,
  )
}

test.run()

// limit: 240 s
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { findRabbitServer } from '../scripts/infra/binaries.ts'
import type { PrivateServer } from '../scripts/infra/private-server.ts'
import { eventually } from '../shared/testing/index.ts'
import { addProduct, addUser, checkInvariants, placeMany, type System, withSystem } from './system/index.ts'

const run = promisify(execFile)

/** The broker takes a message away that is held for `timeoutMs`, and looks four times in that time, not once a minute. */
const takeAwayAfter = async (rabbit: PrivateServer, timeoutMs: number) => {
  const environ = await readFile(`/proc/${rabbit.pid}/environ`, 'utf8')
  const env = Object.fromEntries(environ.split('\0').map((line) => line.split(/=(.*)/s).slice(0, 2)))
  const set = (name: string, value: number) => `application:set_env(rabbit, ${name}, ${value})`
  const settings = `${set('consumer_timeout', timeoutMs)}, ${set('channel_tick_interval', timeoutMs / 4)}.`
  await run(join(dirname(findRabbitServer() as string), 'rabbitmqctl'), ['eval', settings], { env })
}

const orders = 200

/** The orders' events are with the product service, and its database is away. */
const ordersMeetTheOutage = async (system: System) => {
  const users = [await addUser(system)]
  const productId = await addProduct(system)
  await system.product.pause()
  await placeMany(system, orders, users, productId)
  await eventually(() => system.broker.wiretap.length >= orders)
  await system.servers.postgres.stop()
  system.product.resume()
}

const subscriptions = ({ product, name }: System) =>
  product.lines.filter((line) => line.includes('"subscribed"') && line.includes(name('product.events')))
    .length

test('the broker takes messages away that wait for the database: subscribed again each time, each handled once', () =>
  withSystem({ mode: 'choreography', servers: 'private', start: false }, async (system) => {
    const timeoutMs = 4_000
    await takeAwayAfter(system.servers.rabbit, timeoutMs)
    await Promise.all(system.processes.map((service) => service.start()))
    await ordersMeetTheOutage(system)
    const before = subscriptions(system)
    const began = performance.now()
    await eventually(() => subscriptions(system) >= before + 3, { withinMs: 60_000 })
    // At most once per time-out: no hot loop.
    assert.ok(subscriptions(system) - before <= 1 + (performance.now() - began) / timeoutMs)
    await system.servers.postgres.restart()
    const { product } = await checkInvariants(system)
    assert.is(product.movements.filter(({ kind }) => kind === 'RESERVE').length, orders)
  }))

test.run()

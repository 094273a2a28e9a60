// limit: 180 s
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually } from '../shared/testing/index.ts'
import {
  addProduct,
  addUser,
  checkInvariants,
  openBrokerAccess,
  placeAndWait,
  withSystem,
} from './system/index.ts'

const passwordHash = (password: string) => {
  const salt = randomBytes(4)
  return Buffer.concat([salt, createHash('sha256').update(salt).update(password).digest()]).toString('base64')
}

/**
 * One broker user per service: everyone reads, each writes to its own exchange, its own queue and EX_TOPIC; and declares, but for the user
 * service, whose queues are there already.
 */
const definitions = () => {
  const user = (name: string, tags = '') => ({
    name,
    password_hash: passwordHash(name === 'guest' ? 'guest' : `secret-of-${name}`),
    hashing_algorithm: 'rabbit_password_hashing_sha256',
    tags,
  })
  const may = (service: string) => ({
    user: `svc_${service}`,
    vhost: '/',
    configure: service === 'user' ? '^$' : '.*',
    read: '.*',
    write: `^(amq\\.default|[^.]+\\.EX_(${service.toUpperCase()}|TOPIC)|[^.]+\\.${service}\\.events.*)$`,
  })
  const all = { user: 'guest', vhost: '/', configure: '.*', read: '.*', write: '.*' }
  const names = ['order', 'product', 'user']
  return {
    users: [user('guest', 'administrator'), ...names.map((name) => user(`svc_${name}`))],
    vhosts: [{ name: '/' }],
    permissions: [all, ...names.map(may)],
  }
}

const withDefinitions = async <Result>(use: (rabbitConfig: string) => Promise<Result>) => {
  const file = join(tmpdir(), `definitions-${randomUUID()}.json`)
  await writeFile(file, JSON.stringify(definitions()))
  try {
    return await use(`load_definitions = ${file}`)
  } finally {
    await rm(file)
  }
}

const urlAs = (amqpUrl: string, service: string) => {
  const url = new URL(amqpUrl)
  url.username = `svc_${service}`
  url.password = `secret-of-svc_${service}`
  return url.href
}

test('Q16, Q29, Q30: who may say what is held by the broker, and checked again by the listener', () =>
  withDefinitions((rabbitConfig) => {
    const EVENT_PUBLISHERS = 'order=svc_order,product=svc_product,user=svc_user'
    const as = (amqpUrl: string, service: string) => ({ AMQP_URL: urlAs(amqpUrl, service), EVENT_PUBLISHERS })
    const services = ({ amqpUrl }: { amqpUrl: string }) => ({
      order: as(amqpUrl, 'order'),
      product: as(amqpUrl, 'product'),
      user: as(amqpUrl, 'user'),
    })
    return withSystem(
      { mode: 'choreography', servers: 'private', rabbitConfig, services },
      async (system) => {
        const userId = await addUser(system, 1_000)
        const items = [{ productId: await addProduct(system), quantity: 1 }]
        assert.is((await placeAndWait(system, userId, items)).status, 'SUCCESS')

        const orderId = randomUUID()
        const reserved = {
          exchange: system.name('EX_PRODUCT'),
          routingKey: 'user.check',
          body: { orderId, userId, total: 100, items: [{ ...items[0], unitPrice: 100 }] },
          properties: {
            messageId: randomUUID(),
            type: 'StockReserved',
            correlationId: orderId,
            contentType: 'application/json',
            headers: { 'cloudEvents:dataversion': '1' },
          },
        }
        const stranger = openBrokerAccess(urlAs(system.amqpUrl, 'order'), 'a stranger')
        const refused = await stranger.publish(reserved).catch((error: { code?: number }) => error)
        assert.is(refused?.code, 403, 'Q30 another service may not write to this exchange')
        const lie = { ...reserved, properties: { ...reserved.properties, userId: 'svc_product' } }
        assert.is(
          (
            await stranger
              .publish({ ...lie, exchange: system.name('EX_ORDER') })
              .catch((error: { code?: number }) => error)
          )?.code,
          406,
          'nobody may claim to be another',
        )

        // Past the exchanges, straight into the queue: the broker lets it in, the listener does not believe it.
        const queue = system.name('user.events')
        await stranger.publish({ ...reserved, exchange: '', routingKey: queue })
        const mine = { ...reserved.properties, messageId: randomUUID(), userId: 'svc_order' }
        await stranger.publish({ ...reserved, exchange: '', routingKey: queue, properties: mine })
        await stranger.close()
        await eventually(async () => (await system.broker.count(`${queue}.dead`)) === 2)
        const dead = await system.broker.takeDead('user')
        assert.equal(
          dead.map((it) => it.headers['x-reason-code']),
          ['event.publisher', 'event.publisher'],
        )
        assert.is((await placeAndWait(system, userId, items)).status, 'SUCCESS')
        await checkInvariants(system)
      },
    )
  }))

test.run()

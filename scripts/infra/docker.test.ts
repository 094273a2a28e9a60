import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parse } from 'yaml'
import { serviceSettings } from '../../shared/config/index.ts'
import { services } from '../../shared/contracts/index.ts'
import { ports } from '../../shared/service/index.ts'
import { skipTest } from '../../shared/testing/index.ts'
import { onPath } from './binaries.ts'
import { composeUrls } from './compose.ts'
import { databaseNameOf, projectRoot } from './index.ts'

interface Container {
  image: string
  user?: string
  restart?: string
  build?: string
  command?: string[]
  environment: Record<string, string | number>
  ports?: string[]
  healthcheck?: { test: string[] }
  depends_on?: Record<string, { condition: string }>
}

const read = (file: string): string => readFileSync(join(projectRoot, file), 'utf8')
const compose = parse(read('docker-compose.yml'), { merge: true }) as { services: Record<string, Container> }
const container = (name: string): Container => compose.services[name] ?? assert.unreachable(`no ${name}`)!

test('the images are named, with a version', () => {
  assert.is(container('postgres').image, 'postgres:17-alpine')
  assert.is(container('rabbitmq').image, 'rabbitmq:4-management-alpine')
  for (const name of ['migrate', ...services])
    assert.equal([container(name).image, container(name).build], ['outbox-saga', '.'])
})

test('the ports are those of the code, and open on this machine only', () => {
  const published = Object.values(compose.services).flatMap((one) => one.ports ?? [])
  const expected = [5432, 5672, 15_672, ...Object.values(ports)].map((port) => `127.0.0.1:${port}:${port}`)
  assert.equal(published.sort(), expected.sort())
  for (const service of services) assert.is(container(service).environment.PORT, ports[service])
})

test('every environment name is one that the code reads', () => {
  const known = [...Object.keys(serviceSettings), 'POSTGRES_URL', 'NODE_ENV']
  for (const name of ['migrate', ...services]) {
    const unknown = Object.keys(container(name).environment).filter((key) => !known.includes(key))
    assert.equal(unknown, [], name)
  }
  for (const service of services) {
    assert.match(
      String(container(service).environment.DATABASE_URL),
      new RegExp(`@postgres:5432/${databaseNameOf(service, '')}$`),
    )
  }
})

test('a service is healthy when /readyz says so, and starts after the migration', () => {
  for (const service of services) {
    assert.ok(
      container(service).healthcheck?.test.join(' ').includes(`http://127.0.0.1:${ports[service]}/readyz`),
    )
    assert.equal(container(service).depends_on, {
      migrate: { condition: 'service_completed_successfully' },
      postgres: { condition: 'service_healthy' },
      rabbitmq: { condition: 'service_healthy' },
    })
  }
  for (const server of ['postgres', 'rabbitmq']) {
    assert.ok(container(server).healthcheck)
    assert.is(container('migrate').depends_on?.[server]?.condition, 'service_healthy')
  }
})

test('what crashes comes back, servers and services alike; the migration runs once', () => {
  for (const name of ['postgres', 'rabbitmq', ...services])
    assert.is(container(name).restart, 'unless-stopped', name)
  assert.is(container('migrate').restart, 'no')
})

test('signals reach Node: every command is a program with arguments, without a shell or npm, and its file exists', () => {
  const image = /^CMD (\[.+\])$/m.exec(read('Dockerfile'))?.[1] ?? '[]'
  const commands = [
    JSON.parse(image) as string[],
    ...['migrate', ...services].map((name) => container(name).command ?? []),
  ]
  for (const [program, ...args] of commands) {
    assert.equal([program, args[0], args[1]], ['node', '--import', 'tsx'])
    assert.ok(existsSync(join(projectRoot, args[2] ?? 'no file')), args[2])
  }
})

test('the image runs as an ordinary user, without development packages', () => {
  const [packages = '', , runtime = ''] = read('Dockerfile')
    .split(/^FROM /m)
    .slice(1)
  assert.match(runtime, /^USER node$/m)
  assert.match(runtime, /^COPY --from=packages \/app\/node_modules/m)
  assert.match(packages, /npm ci --omit=dev --omit=optional /)
  const lock = JSON.parse(read('package-lock.json')) as { packages: Record<string, Record<string, boolean>> }
  const left = Object.entries(lock.packages).filter(([, it]) => !it.dev && !it.optional && !it.devOptional)
  const names = left.map(([path]) => path.replace('node_modules/', ''))
  for (const development of ['prisma', 'typescript', 'uvu']) assert.not(names.includes(development))
  for (const needed of ['tsx', 'esbuild', 'koa', '@prisma/client']) assert.ok(names.includes(needed), needed)
  assert.match(
    runtime,
    /^COPY --from=build \/app\/node_modules\/@esbuild /m,
    'an optional package, but tsx needs it',
  )
  for (const [, sources] of read('Dockerfile').matchAll(/^COPY (?!--from)(.+) \S+$/gm)) {
    for (const source of sources?.split(' ') ?? []) assert.ok(existsSync(join(projectRoot, source)), source)
  }
})

test('the credentials that we try on compose are those that it gives, and that the services have', () => {
  const withDefaults = JSON.parse(
    JSON.stringify(compose).replaceAll(/\$\{\w+:-(\w+)\}/g, '$1'),
  ) as typeof compose
  const urls = composeUrls(withDefaults)
  assert.equal(urls, {
    postgres: 'postgres://postgres:postgres@127.0.0.1:5432/postgres',
    rabbitmq: 'amqp://guest:guest@127.0.0.1:5672',
  })
  const inside = withDefaults.services.order?.environment
  assert.is(inside?.AMQP_URL, urls.rabbitmq.replace('127.0.0.1', 'rabbitmq'))
  assert.is(
    inside?.DATABASE_URL,
    urls.postgres.replace('127.0.0.1', 'postgres').replace(/postgres$/, 'saga_order'),
  )
})

test('the health check of RabbitMQ does not run as root, which would make the cookie that the server then cannot read', () => {
  assert.is(container('rabbitmq').user, 'rabbitmq')
})

const checker = onPath('docker-compose')
if (checker === undefined)
  skipTest(test, 'docker-compose config accepts the file', 'docker-compose is not installed')
else {
  test('docker-compose config accepts the file', async () => {
    const { stdout } = await promisify(execFile)(checker, ['config'], { cwd: projectRoot })
    assert.match(stdout, /saga_order/)
  })
}

test.run()

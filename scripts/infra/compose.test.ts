import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { skipTest } from '../../shared/testing/index.ts'
import { projectRoot } from './index.ts'
import { whyNotPostgres, whyNotRabbit } from './probe.ts'

const run = promisify(execFile)

const config = JSON.stringify({
  services: {
    postgres: { environment: { POSTGRES_USER: 'me', POSTGRES_PASSWORD: 'secret' } },
    rabbitmq: { environment: { RABBITMQ_DEFAULT_USER: 'me', RABBITMQ_DEFAULT_PASS: 'secret' } },
  },
})

/** A shell's case branches, by the words after `docker`, for an engine that answers and has nothing running. */
const engine = {
  'info *': 'echo 1',
  'compose version': 'echo 1',
  'compose config *': `echo '${config}'`,
  'compose ps *': 'true',
  'compose stop *': 'true',
}

/**
 * Runs a command that asks for the servers by compose alone, with a `docker` on the PATH that answers as `answers` say.
 * Answers how it ended, and what docker was asked.
 */
async function withDocker(answers: Record<string, string>) {
  const folder = await mkdtemp(join(tmpdir(), 'docker-'))
  try {
    const asked = join(folder, 'asked')
    const cases = Object.entries(answers).map(
      ([words, answer]) => `  ${words.replaceAll(' ', '\\ ')}) ${answer} ;;`,
    )
    const script = ['#!/bin/sh', `echo "$*" >> '${asked}'`, 'case "$*" in', ...cases, 'esac', '']
    await writeFile(join(folder, 'docker'), script.join('\n'), { mode: 0o755 })
    const ended = await run(
      process.execPath,
      ['scripts/run.mjs', 'migrate', '--dry-run', '--infra', 'compose'],
      {
        cwd: projectRoot,
        env: { ...process.env, PATH: `${folder}:${process.env.PATH}`, SAGA_NAMESPACE: 'tcompose' },
      },
    ).then(
      () => ({ code: 0, stderr: '' }),
      ({ code, stderr }: { code: number; stderr: string }) => ({ code, stderr }),
    )
    return { ...ended, asked: (await readFile(asked, 'utf8')).trim().split('\n') }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const last = (text: string): string => text.trim().split('\n').at(-1) ?? ''
const lastTwo = (text: string): string => text.trim().split('\n').slice(-2).join('\n')

test('without an engine, the reason is what docker says', async () => {
  const { code, stderr } = await withDocker({ 'info *': 'echo "no daemon is running" >&2; exit 1' })
  assert.is(code, 69)
  assert.is(
    lastTwo(stderr),
    "PostgreSQL can't be had (compose: no daemon is running).\nnext: start the Docker engine, or leave out --infra",
  )
})

test('a docker without compose is named as that', async () => {
  const { code, stderr } = await withDocker({
    'info *': 'echo 1',
    'compose *': 'echo "see docker --help" >&2; exit 1',
  })
  assert.is(code, 69)
  assert.match(lastTwo(stderr), /\(compose: docker has no compose plugin\)/)
})

test('a container that does not get up is stopped again, and its end is the reason', async () => {
  const up = 'echo "container one exited (1)" >&2; exit 1'
  const { code, stderr, asked } = await withDocker({ ...engine, 'compose up *': up })
  assert.is(code, 69)
  assert.match(
    lastTwo(stderr),
    /\(compose: container one exited \(1\)\)\.\nnext: docker compose up postgres$/,
  )
  for (const server of ['postgres', 'rabbitmq']) assert.ok(asked.includes(`compose stop ${server}`), server)
})

test('one that was up before stays up', async () => {
  const answers = { ...engine, 'compose ps *': 'echo 1a2b', 'compose up *': 'exit 1' }
  const { code, asked } = await withDocker(answers)
  assert.is(code, 69)
  assert.not(asked.some((line) => line.startsWith('compose stop')))
})

test('Ctrl-C while a server starts ends the search, and stops what was started', async () => {
  // The terminal sends it to both; here the one passes it on to the other.
  const up = 'kill -s INT $PPID; exit 130'
  const { code, stderr, asked } = await withDocker({ ...engine, 'compose up *': up })
  assert.is(code, 130, stderr)
  assert.is(last(stderr), 'interrupted')
  for (const server of ['postgres', 'rabbitmq']) assert.ok(asked.includes(`compose stop ${server}`), server)
})

const usual = {
  postgres: 'postgres://postgres:postgres@127.0.0.1:5432/postgres',
  rabbitmq: 'amqp://guest:guest@127.0.0.1:5672',
}
const away = (await whyNotPostgres(usual.postgres)) ?? (await whyNotRabbit(usual.rabbitmq))

if (away !== undefined) skipTest(test, 'one that can not be stopped keeps no other', away)
else {
  test('one that can not be stopped keeps no other from being stopped', async () => {
    const found = config
      .replaceAll(/"me"|"secret"/g, '"postgres"')
      .replaceAll(/(RABBITMQ_\w+":)"\w+"/g, '$1"guest"')
    const { code, stderr, asked } = await withDocker({
      ...engine,
      'compose config *': `echo '${found}'`,
      'compose up *': 'true',
      'compose stop *': '[ "$3" != rabbitmq ]',
    })
    assert.is(code, 1)
    assert.is(last(stderr), 'could not stop RabbitMQ')
    assert.ok(asked.includes('compose stop postgres'))
  })
}

test.run()

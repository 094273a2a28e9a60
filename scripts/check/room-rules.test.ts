import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { projectRoot } from '../infra/index.ts'

const run = promisify(execFile)
const require = createRequire(import.meta.url)
const config = join(projectRoot, '.dependency-cruiser.cjs')
const { forbidden } = require(config) as { forbidden: { name: string; comment: string }[] }

/** For each rule a file that breaks it, and what that file imports. */
const violations: Record<string, [file: string, imports: string]> = {
  'no-cycles': ['shared/saga/graph.ts', './circle.ts'],
  'imports-exist': ['shared/saga/table.ts', './nowhere.ts'],
  'shared-is-below': ['shared/service/start.ts', '../../services/order/service.ts'],
  'shared-tests-stay-below': ['shared/service/start.test.ts', '../../services/order/service.ts'],
  'services-are-strangers': ['services/order/store.ts', '../product/domain.ts'],
  'services-need-no-scripts': ['services/order/main.ts', '../../scripts/start.ts'],
  'outbox-knows-no-broker': ['shared/outbox/relay.test.ts', '../messaging/index.ts'],
  'outbox-stands-alone': ['shared/outbox/relay.ts', '../failure/index.ts'],
  'amqplib-behind-messaging': ['scripts/probe.ts', 'amqplib'],
  'koa-behind-http': ['services/order/service.ts', 'koa'],
  'generated-client-behind-store': ['services/order/choreography.ts', '../../generated/order/client.ts'],
  'own-generated-client': ['services/user/store.ts', '../../generated/order/client.ts'],
  'domain-is-pure': ['services/user/domain.ts', 'node:crypto'],
  'domain-runs-no-saga': ['services/product/domain.ts', '../../shared/saga/index.ts'],
  'testing-only-in-tests': ['shared/service/rim.ts', '../testing/index.ts'],
  'rooms-by-their-door': ['scripts/start.ts', '../shared/saga/graph.ts'],
  'rooms-by-their-door-inside-shared': ['shared/service/act.ts', '../saga/graph.ts'],
}

/** What the violations import, and imports that are allowed: they must break nothing. */
const innocent: Record<string, string> = {
  'shared/saga/circle.ts': "import './graph.ts'",
  'shared/saga/index.ts': "export * from './table.ts'",
  'shared/messaging/index.ts': "import 'amqplib'",
  'shared/messaging/publisher.test.ts': "import 'amqplib'\nimport '../testing/index.ts'",
  'shared/http/index.ts': "import 'koa'",
  'shared/failure/index.ts': '',
  'shared/testing/index.ts': "import '../messaging/index.ts'",
  'services/order/http.ts': "import '../../shared/http/index.ts'",
  'services/order/database.ts': "import '../../generated/order/client.ts'",
  'services/order/domain.ts':
    "import type {} from '../../shared/saga/index.ts'\nimport '../../shared/failure/index.ts'",
  'generated/order/client.ts': 'export {}',
  'node_modules/amqplib/package.json': '{ "name": "amqplib", "main": "index.js" }',
  'node_modules/amqplib/index.js': '',
  'node_modules/koa/package.json': '{ "name": "koa", "main": "index.js" }',
  'node_modules/koa/index.js': '',
  'package.json': '{ "type": "module", "dependencies": { "amqplib": "1", "koa": "1" } }',
  'tsconfig.json': '{}',
}

interface Broken {
  from: string
  to: string
  rule: { name: string }
}

async function cruiseSample(): Promise<Broken[]> {
  const root = await mkdtemp(join(tmpdir(), 'rooms-'))
  try {
    const files = { ...innocent }
    for (const [file, imports] of Object.values(violations)) files[file] = `import '${imports}'`
    for (const [file, text] of Object.entries(files)) {
      await mkdir(dirname(join(root, file)), { recursive: true })
      await writeFile(join(root, file), text)
    }
    const cli = join(projectRoot, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs')
    const args = [
      cli,
      '--config',
      config,
      '--output-type',
      'json',
      'shared',
      'services',
      'scripts',
      'generated',
    ]
    const done = await run(process.execPath, args, { cwd: root }).catch((error: { stdout: string }) => error)
    return (JSON.parse(done.stdout) as { summary: { violations: Broken[] } }).summary.violations
  } finally {
    await rm(root, { recursive: true })
  }
}

test('every room rule says why it is there and fires on a tree that breaks it, and only where it is broken', async () => {
  const broken = await cruiseSample()
  for (const { name, comment } of forbidden) {
    assert.ok(comment.length > 20, `${name} gives no reason`)
    const [file] = violations[name] ?? []
    assert.ok(file, `${name} has no sample here that breaks it`)
    assert.ok(
      broken.some(({ rule, from, to }) => rule.name === name && (from === file || to === file)),
      `${name} does not fire`,
    )
  }
  const guilty = new Set(Object.values(violations).map(([file]) => file))
  const accused = broken.filter(({ from, rule }) => !guilty.has(from) && rule.name !== 'no-cycles')
  assert.equal(accused, [])
})

test.run()

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { auditPage } from './document.ts'

const page = join(import.meta.dirname, '../../docs/audit.md')

test('docs/audit.md is what the code says', async () => {
  const written = await readFile(page, 'utf8')
  assert.ok(
    written === auditPage(),
    'docs/audit.md is stale: node --import tsx scripts/audit/print-document.ts > docs/audit.md',
  )
})

test.run()

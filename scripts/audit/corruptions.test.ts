// limit: 240 s
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { services } from '../../shared/contracts/index.ts'
import { testServers } from '../../shared/testing/index.ts'
import { audit } from './audit.ts'
import { codes } from './catalogue.ts'
import type { Finding } from './finding.ts'
import type { DatabaseUrls } from './snapshot.ts'
import { corruptions } from './testing/corruptions.ts'
import { byForce } from './testing/settled-system.ts'
import { withSettledSystem } from './testing/with-system.ts'

const subject = ({ orderId, productId, userId }: Finding) => orderId ?? productId ?? userId ?? '-'
const named = (findings: readonly (readonly [string, string])[]) => findings.map((it) => it.join(' ')).sort()

const auditOf = (databaseUrls: DatabaseUrls) =>
  audit({ postgresUrl: testServers().postgresUrl, namespace: '', databaseUrls, recheckMs: 1 })

test('orders of every kind at rest are clean', () =>
  withSettledSystem((fresh) =>
    fresh(async (urls) => {
      const report = await auditOf(urls)
      assert.equal(report.findings, [])
      assert.is(report.clean, true)
      assert.equal(report.orders, { PROCESSING: 0, SUCCESS: 3, FAILED: 5 })
      assert.is(report.settled, 8)
      assert.is(report.sums?.money.difference, '0')
      assert.is(report.sums?.stock.difference, '0')
    }),
  ))

test('each corruption is found and named rightly, and nothing else is', () =>
  withSettledSystem(async (fresh) => {
    const wrong: unknown[] = []
    for (const { name, sql, finds } of corruptions) {
      await fresh(async (urls) => {
        for (const service of services) {
          const statements = sql[service]
          if (statements !== undefined) await byForce(urls[service], statements)
        }
        const { findings } = await auditOf(urls)
        const found = named(findings.map((it) => [it.code, subject(it)] as const))
        const expected = named(finds)
        if (found.join() !== expected.join())
          wrong.push({ name, found, expected, what: findings.map(({ what }) => what) })
      })
    }
    assert.is(wrong.length, 0, JSON.stringify(wrong, null, 2))
  }))

test('every code that tables can show is shown by a corruption', () => {
  const shown = new Set(corruptions.flatMap(({ finds }) => finds.map(([code]) => code)))
  const elsewhere = ['money.total_mismatch', 'stock.total_mismatch', 'event.dead_lettered']
  assert.equal(
    codes.filter((code) => !shown.has(code)),
    elsewhere,
  )
  assert.ok(corruptions.length >= 25)
})

test.run()

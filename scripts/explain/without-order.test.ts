import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { byForce, ids } from '../audit/testing/settled-system.ts'
import { withNamedSystem } from '../audit/testing/with-system.ts'
import { runExplain, runScript } from './testing/explain-in.ts'

test('of an order whose row is gone, what the audit sends here for is listed, oldest first', () =>
  withNamedSystem(async (namespace, urls) => {
    const id = ids.bought
    for (const table of ['order_status_history', 'order_items', 'orders'])
      await byForce(
        urls.order,
        `delete from ${table} where ${table === 'orders' ? 'id' : 'order_id'} = '${id}'`,
      )
    const audit = await runScript('audit', namespace, ['--no-broker'])
    assert.match(audit.stdout, `order.missing (order service) order ${id}\n`)
    assert.match(audit.stdout, `next: npm run explain -- ${id}\n`)

    const { code, stdout, stderr } = await runExplain(namespace, [id, '--no-broker'])
    assert.is(code, 0, stderr)
    assert.match(stdout, `Order ${id}  is not in the order service's database, and yet:\n\n`)
    const told = [...stdout.matchAll(/^ {2}(\S+Z) {2}(.*?)(?: \(event \S+\))?$/gm)]
    assert.equal(
      told.map(([, at]) => at),
      told.map(([, at]) => at).sort(),
    )
    assert.equal(told.map(([, , what]) => what).sort(), [
      'order OrderPlaced: an order was placed',
      'order OrderSucceeded: the order is SUCCESS',
      'product StockReserved: reserved, for 56.00 in all',
      'product: stock moved, RESERVE, 2 lines',
      'product: the reservation is RESERVED',
      'user BalanceDebited: took 56.00 from the balance',
      'user: money moved, DEBIT, 56.00',
      'user: the payment is DEBITED',
    ])
    assert.match(stdout, /\nnext: compare POSTGRES_URL and SAGA_NAMESPACE with the services'; /)

    const json = await runExplain(namespace, [id, '--json', '--no-broker'])
    assert.equal([JSON.parse(json.stdout).order, JSON.parse(json.stdout).traces.length], [null, 8])
    const drawn = await runExplain(namespace, [id, '--mermaid', '--no-broker'])
    assert.equal([drawn.code, drawn.stdout], [1, ''])
    const unknown = await runExplain(namespace, ['01900000-0000-7000-8000-000000000001', '--no-broker'])
    assert.equal([unknown.code, unknown.stdout], [1, ''])
    assert.match(unknown.stderr, /^There is no order 0190/)
  }))

test.run()

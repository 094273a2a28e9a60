// limit: 600 s
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { services } from '../../shared/contracts/index.ts'
import { eventually } from '../../shared/testing/index.ts'
import { addProduct, addUser, getOrder, place, type System, withSystem } from '../../test/system/index.ts'
import { projectRoot } from '../infra/index.ts'
import { jsonOf } from './json.ts'
import { mermaidOf } from './mermaid.ts'
import { explainIn, runExplain, type Seen } from './testing/explain-in.ts'
import { normalised } from './testing/normalised.ts'
import { save } from './testing/save-for-reading.ts'
import { nodesOf } from './tree.ts'

const atRest = (system: System, orderId: string, status: 'SUCCESS' | 'FAILED'): Promise<Seen> =>
  eventually(
    async () => {
      const it = await explainIn(system, orderId)
      if (it.order.status !== status || it.verdict.kind !== 'at_rest')
        throw new Error(`${it.order.status}: ${it.verdict.sentence}`)
      return it
    },
    { withinMs: 30_000 },
  )

/** What the output says, next to the rows it was made of. */
const agreesWithRows = async (system: System, it: Seen) => {
  const rows = (
    await Promise.all(
      services.map((service) =>
        system.sql<{ event_id: string; type: string; created_at: Date; published_at: Date }>(
          service,
          'select event_id, type, created_at, published_at from outbox where aggregate_id = $1',
          [it.order.id],
        ),
      ),
    )
  ).flat()
  const nodes = nodesOf(it)
  assert.equal(
    nodes.map(({ row }) => row.eventId).sort(),
    rows.map(({ event_id }) => event_id).sort(),
    'every event once',
  )
  for (const { row, deliveries } of nodes) {
    for (const { to, handledAt, hops } of deliveries) {
      const [inbox] = await system.sql<{ handled_at: Date }>(
        to,
        'select handled_at from inbox where event_id = $1',
        [row.eventId],
      )
      assert.equal(handledAt, inbox?.handled_at)
      assert.is((hops?.relayMs ?? 0) + (hops?.queueMs ?? 0), Number(handledAt) - Number(row.createdAt))
    }
  }
  for (const { hops, ms, end } of it.paths) {
    assert.is(
      hops.reduce((sum, hop) => sum + hop.ms, 0),
      ms,
      'the hops add up',
    )
    assert.is(ms, end.getTime() - it.order.createdAt.getTime())
  }
}

const documented = async (system: System, told: readonly Seen[]) => {
  const page = await readFile(join(projectRoot, 'docs/explain.md'), 'utf8')
  const shown = [...page.matchAll(/```text\n(Order [\s\S]*?)```/g)].map(([, text]) => normalised(text ?? ''))
  assert.equal(
    shown,
    told.map(({ text }) => normalised(text)),
  )
  const [, drawn] = /```mermaid\n([\s\S]*?)```/.exec(page) ?? []
  // Product and user hear of the failure at about the same time, in either order.
  const lines = (diagram: string) => normalised(diagram).split('\n').sort()
  assert.equal(lines(drawn ?? ''), lines(mermaidOf(told[1]!)))
  const [success] = told
  const { code, stdout } = await runExplain(system.namespace, [success!.order.id])
  assert.is(code, 0)
  assert.is(stdout.trim(), success!.text.trim(), 'the command says the same')
}

test('orders that ended: told as they went, to the millisecond of their rows', () =>
  withSystem({ mode: 'choreography', env: { ORDER_DEADLINE_MS: '6000' } }, async (system) => {
    const [rich, poor] = [await addUser(system, 1_000_000), await addUser(system, 99)]
    const tea = await addProduct(system, 100, 4_500)
    const items = [{ productId: tea, quantity: 2 }]
    const ordered = async (userId: string, lines = items) => (await place(system, userId, lines)).body.id

    const success = await atRest(system, await ordered(rich), 'SUCCESS')
    await save('success', system, success)
    const compensated = await atRest(system, await ordered(poor), 'FAILED')
    await save('compensated', system, compensated)
    const short = await atRest(system, await ordered(rich, [{ productId: tea, quantity: 999 }]), 'FAILED')
    await save('out-of-stock', system, short)

    // Cancelled while product stands still: both events wait for it, and user hears of the failure first.
    system.product.pause()
    const wished = await ordered(rich)
    await system.order.post(`/orders/${wished}/cancel`)
    await eventually(async () => (await explainIn(system, wished)).roots[1]?.deliveries[1]?.handledAt)
    system.product.resume()
    const cancelled = await atRest(system, wished, 'FAILED')
    await save('cancelled', system, cancelled)

    // The debit comes after the deadline.
    system.user.pause()
    const slow = await ordered(rich)
    await eventually(async () => (await explainIn(system, slow)).order.status === 'FAILED', {
      withinMs: 30_000,
    })
    system.user.resume()
    const expired = await atRest(system, slow, 'FAILED')
    await save('expired', system, expired)

    const told = [success, compensated, short, cancelled, expired]
    // Ten in all, some of them in each other's way.
    const crowd = await Promise.all([rich, poor, rich, rich, poor].map((userId) => ordered(userId)))
    for (const id of crowd) {
      const { status } = await eventually(async () => {
        const order = await getOrder(system, id)
        return order.status !== 'PROCESSING' && order
      })
      told.push(await atRest(system, id, status === 'SUCCESS' ? 'SUCCESS' : 'FAILED'))
    }
    for (const it of told) await agreesWithRows(system, it)
    assert.match(compensated.text, 'compensated: what was reserved is back in stock')
    assert.match(
      short.text,
      'nothing to undo: user had debited nothing; remembered, so that a late StockReserved',
    )
    assert.match(cancelled.text, /came too late and (was refused|changed nothing)/)
    assert.match(expired.text, /BalanceDebited|BalanceRejected/)
    assert.match(
      expired.text,
      /came too late and changed nothing: the order was FAILED \(expired\) for \d+ ms/,
    )

    const diagram = mermaidOf(compensated)
    assert.match(diagram, /^sequenceDiagram\n {2}title Order/)
    assert.match(diagram, /order->>product: OrderFailed \(relay -?\d+ ms, queue -?\d+ ms\)/)
    const json = JSON.parse((await runExplain(system.namespace, [success.order.id, '--json'])).stdout)
    assert.equal(json, JSON.parse(JSON.stringify(jsonOf(success))))

    // A tombstone for what never came, a stranger, and a person's mistakes.
    const stranger = await runExplain(system.namespace, ['01900000-0000-7000-8000-000000000009'])
    assert.equal(
      [stranger.code, stranger.stdout, stranger.stderr.split('\n')[0]],
      [1, '', 'There is no order 01900000-0000-7000-8000-000000000009.'],
    )

    // The same by RPC: only the tables tell.
    await system.order.restart({ SAGA_MODE: 'rpc' })
    const bought = await explainIn(system, await ordered(rich))
    await save('rpc-success', system, bought)
    assert.match(bought.text, /product: reserved \(1 line\), \+\d+ ms\n.*user: debited \(90\.00\)/)
    assert.is(bought.verdict.kind, 'at_rest')
    const refused = await explainIn(system, await ordered(poor))
    await save('rpc-refused', system, refused)
    assert.match(refused.text, /user: refused \(insufficient_balance\)/)
    for (const it of [bought, refused])
      assert.is(
        it.steps.reduce((sum, { ms }) => sum + ms, 0),
        Number(it.steps.at(-1)?.at) - Number(it.order.createdAt),
      )
    await documented(system, [success, compensated])
  }))

test('a person who asks wrongly is told so', async () => {
  const wrong = await runExplain('', ['42'])
  assert.is(wrong.code, 2)
  assert.match(wrong.stderr, 'It must be a UUID, as POST /orders answers it.')
  assert.is((await runExplain('', [])).code, 2)
  const id = '01900000-0000-7000-8000-000000000009'
  assert.is((await runExplain('', [id, '--json', '--mermaid'])).code, 2)
  const nowhere = await runExplain('none', [id])
  assert.is(nowhere.code, 2)
  assert.is(
    nowhere.stderr,
    'Database none_saga_order does not exist.\nnext: check POSTGRES_URL and SAGA_NAMESPACE; npm run migrate makes the databases\n',
  )
  const away = await runExplain('', [id], { POSTGRES_URL: 'postgres://me:s3cr3t@127.0.0.1:9' })
  assert.is(away.code, 69)
  assert.match(away.stderr, /^PostgreSQL at 127\.0\.0\.1:9: /)
  assert.not.match(away.stderr, 's3cr3t')
  const help = await runExplain('', ['--help'])
  assert.is(help.code, 0)
  assert.match(help.stdout, /^Examples:\n {2}npm run explain -- /)
})

test.run()

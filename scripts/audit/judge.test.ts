import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { MoneyFacts, OrderCase, OrderFacts, StockFacts } from './facts.ts'
import { createFinder } from './finding.ts'
import { judge } from './judge.ts'

const find = createFinder('')
const limits = { graceMs: 5_000, deadlineMs: 60_000, retentionMs: 604_800_000 }
const id = '01900000-0000-7000-8000-000000000001'
const minute = 60_000

const order: OrderFacts = {
  id,
  status: 'SUCCESS',
  userId: 'u',
  reason: null,
  mode: 'choreography',
  total: '600',
  createdAgeMs: minute,
  settledAgeMs: minute,
  ageMs: minute,
  lines: 1,
  pieces: '2',
  lineHash: '1',
  priceHash: '2',
  history: 'PROCESSING>SUCCESS',
  lastReason: null,
  said: 'OrderPlaced,OrderSucceeded',
  saidAmount: '600',
}
const stock: StockFacts = {
  id,
  status: 'RESERVED',
  total: '600',
  reserves: 1,
  reservedLines: 1,
  reserveHash: '1',
  reservePriceHash: '2',
  reserveAmount: '600',
  releases: 0,
  releasedLines: 0,
  releaseHash: null,
  netPieces: '2',
  said: 'StockReserved',
  saidAmount: '600',
  ageMs: minute,
}
const money: MoneyFacts = {
  id,
  status: 'DEBITED',
  userId: 'u',
  amount: '600',
  debits: 1,
  debitAmount: '600',
  debitUserId: 'u',
  refunds: 0,
  refundAmount: null,
  refundUserId: null,
  net: '600',
  said: 'BalanceDebited',
  saidAmount: '600',
  ageMs: minute,
}
const success: OrderCase = { id, order, stock, money }
const codesOf = (facts: OrderCase) => judge(facts, limits, find).findings.map(({ code }) => code)

test('a paid and reserved order is as it must be', () => {
  assert.equal(judge(success, limits, find), { findings: [], unanswered: [], settled: 'SUCCESS' })
})

test('within the grace the other services are not judged by it', () => {
  const young = { ...order, settledAgeMs: 5_000 }
  assert.equal(
    judge({ id, order: young, stock: undefined, money: undefined }, limits, find).settled,
    undefined,
  )
  assert.equal(codesOf({ id, order: young, stock: undefined, money: undefined }), [])
  const old = { ...order, settledAgeMs: 5_001 }
  assert.equal(codesOf({ id, order: old, stock: undefined, money: undefined }), [
    'stock.not_reserved',
    'money.not_taken',
  ])
})

test('an order is stuck after its deadline and the grace, not before', () => {
  const processing: OrderFacts = {
    ...order,
    status: 'PROCESSING',
    total: null,
    history: 'PROCESSING',
    said: 'OrderPlaced',
    saidAmount: null,
  }
  const at = (createdAgeMs: number) =>
    codesOf({ ...success, order: { ...processing, createdAgeMs, settledAgeMs: createdAgeMs } })
  assert.equal(at(65_000), [])
  assert.equal(at(65_001), ['order.stuck'])
})

test('effects of an unknown order are seen after the grace; a refusal holds nothing', () => {
  const young = { ...stock, ageMs: 1_000 }
  assert.equal(codesOf({ id, order: undefined, stock: young, money: undefined }), [])
  assert.equal(codesOf({ id, order: undefined, stock, money: undefined }), ['order.missing'])
  const refused: MoneyFacts = { ...money, status: 'REJECTED', amount: null, debits: 0, net: '0', said: null }
  assert.equal(codesOf({ id, order: undefined, stock: undefined, money: refused }), [])
})

test('a cause without an answer is a question, not a finding', () => {
  const refused: StockFacts = {
    ...stock,
    status: 'REJECTED',
    total: null,
    reserves: 0,
    reservedLines: 0,
    reserveHash: null,
    reservePriceHash: null,
    reserveAmount: null,
    netPieces: '0',
    said: null,
    saidAmount: null,
  }
  const failed: OrderFacts = {
    ...order,
    status: 'FAILED',
    reason: 'cancelled',
    lastReason: 'cancelled',
    total: null,
    history: 'PROCESSING>FAILED',
    said: 'OrderPlaced,OrderFailed',
    saidAmount: null,
  }
  const verdict = judge({ id, order: failed, stock: refused, money: undefined }, limits, find)
  assert.equal(verdict.findings, [])
  assert.equal(
    verdict.unanswered.map(({ cause, finding }) => [cause, finding.code]),
    [['OrderPlaced', 'outbox.missing']],
  )
})

test('nothing is missed in outboxes that are pruned, nor in RPC mode', () => {
  const silentStock = { ...stock, said: null, saidAmount: null }
  const silentMoney = { ...money, said: null, saidAmount: null }
  const silent = (change: Partial<OrderFacts>) =>
    codesOf({
      id,
      order: { ...order, said: null, saidAmount: null, ...change },
      stock: silentStock,
      money: silentMoney,
    })
  assert.is(silent({}).length, 4)
  assert.equal(silent({ createdAgeMs: 604_800_001 }), [])
  assert.equal(silent({ mode: 'rpc' }), [])
})

test.run()

import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { DomainEvent, ServiceName } from '../shared/contracts/index.ts'
import { heldBy, history, type Incident, incident, outcome, replayTo, runToRest } from './saga-in-memory.ts'

const runs = 400

/** Any order of the events, each one to three times. */
const shuffledWithDuplicates = <T>(items: readonly T[]) =>
  fc
    .array(fc.integer({ min: 1, max: 3 }), { minLength: items.length, maxLength: items.length })
    .chain((copies) => {
      const all = items.flatMap((item, index) => Array.from({ length: copies[index] ?? 1 }, () => item))
      return fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length })
    })

test('a whole history comes to the same rest, however it is permuted and duplicated', () => {
  fc.assert(
    fc.property(
      incident().chain((plan) => {
        const told = history(plan)
        return fc.record({
          plan: fc.constant(plan),
          told: fc.constant(told),
          again: shuffledWithDuplicates(told),
        })
      }),
      ({ plan, told, again }) => {
        for (const service of ['order', 'product', 'user'] satisfies ServiceName[]) {
          assert.equal(
            heldBy(service, replayTo(service, plan, again)),
            heldBy(service, replayTo(service, plan, told)),
          )
        }
      },
    ),
    { numRuns: runs },
  )
})

test('whatever is delayed, doubled, overtaken, cancelled or expired: every order ends, and holds all or nothing', () => {
  fc.assert(
    fc.property(
      fc.array(incident(), { minLength: 1, maxLength: 6 }),
      fc.infiniteStream(fc.nat()),
      (plans, dice) => {
        const end = runToRest(plans, dice)
        for (const plan of plans) {
          const { status, debited, reserved, total } = outcome(end, plan.orderId)
          assert.ok(status === 'SUCCESS' || status === 'FAILED', `${plan.orderId} is ${status}`)
          assert.is(debited, status === 'SUCCESS' ? total : 0)
          assert.is(reserved, status === 'SUCCESS' ? plan.quantity : 0)
        }
        assert.is(
          end.stockGone(),
          plans.reduce((sum, plan) => sum + outcome(end, plan.orderId).reserved, 0),
        )
        assert.is(
          end.moneyGone(),
          plans.reduce((sum, plan) => sum + outcome(end, plan.orderId).debited, 0),
        )
        assert.ok(end.lowestStock >= 0 && end.lowestBalance >= 0)
      },
    ),
    { numRuns: runs },
  )
})

test('the simulation can fail: without compensation a cancelled order would hold money', () => {
  const plan: Incident = {
    orderId: 'o1',
    quantity: 1,
    price: 5,
    stock: 10,
    balance: 10,
    trouble: 'expired-late',
  }
  const told = history(plan).filter((event: DomainEvent) => event.type !== 'OrderFailed')
  assert.is(heldBy('user', replayTo('user', plan, told)).balance, 5)
  assert.is(heldBy('user', replayTo('user', plan, history(plan))).balance, 10)
})

test.run()

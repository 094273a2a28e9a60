import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { planDurationMs, planWorkload } from './workload.ts'

const base = { seed: '42', orders: 4_000, rate: 50 }

test('the same options give the same plan to the byte; another seed gives another', () => {
  assert.is(JSON.stringify(planWorkload(base)), JSON.stringify(planWorkload(base)))
  assert.is.not(JSON.stringify(planWorkload(base)), JSON.stringify(planWorkload({ ...base, seed: '43' })))
})

test('arrivals are Poisson: the mean gap is 1 / rate, and gaps spread as an exponential', () => {
  const { orders } = planWorkload(base)
  const gaps = orders.map((order, i) => order.atMs - (orders[i - 1]?.atMs ?? 0))
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length
  const deviation = Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length)
  assert.ok(Math.abs(mean - 20) < 1, `mean gap ${mean} ms`)
  assert.ok(Math.abs(deviation / mean - 1) < 0.07, `variation ${deviation / mean}`)
})

test('changing the rate changes when orders are sent, and nothing else', () => {
  const strip = (rate: number) => planWorkload({ ...base, rate }).orders.map(({ atMs, ...order }) => order)
  assert.equal(strip(50), strip(200))
})

test('about a tenth is doomed by stock, a tenth by money', () => {
  const { orders } = planWorkload(base)
  const share = (doom: string) => orders.filter((order) => order.doomed === doom).length / orders.length
  assert.ok(Math.abs(share('stock') - 0.1) < 0.02)
  assert.ok(Math.abs(share('money') - 0.1) < 0.02)
})

test('the most wanted product and user have their Zipf share', () => {
  const { orders } = planWorkload({ ...base, doomedByMoney: 0, doomedByStock: 0 })
  const harmonic = Array.from({ length: 100 }, (_, k) => 1 / (k + 1)).reduce((sum, share) => sum + share, 0)
  const top = orders.filter((order) => order.userIndex === 0).length / orders.length
  assert.ok(Math.abs(top - 1 / harmonic) < 0.03, `${top}, not ${1 / harmonic}`)
})

const anyPlan = fc
  .record({
    seed: fc.string(),
    orders: fc.integer({ min: 1, max: 60 }),
    rate: fc.double({ min: 0.1, max: 1_000, noNaN: true }),
    users: fc.integer({ min: 1, max: 20 }),
    products: fc.integer({ min: 1, max: 20 }),
    skew: fc.double({ min: 0, max: 2, noNaN: true }),
    doomedByStock: fc.double({ min: 0, max: 0.5, noNaN: true }),
    doomedByMoney: fc.double({ min: 0, max: 0.5, noNaN: true }),
  })
  .map((options) => ({ options, plan: planWorkload(options) }))

test('every order can be placed: known users and products, one to five lines, no product twice, times rising', () => {
  fc.assert(
    fc.property(anyPlan, ({ plan, options }) => {
      let before = 0
      assert.is(plan.orders.length, options.orders)
      for (const { atMs, userIndex, items } of plan.orders) {
        assert.ok(atMs >= before)
        before = atMs
        assert.ok(plan.users[userIndex])
        assert.ok(items.length >= 1 && items.length <= 5)
        assert.is(new Set(items.map((item) => item.productIndex)).size, items.length)
        assert.ok(items.every((item) => plan.products[item.productIndex] && item.quantity >= 1))
      }
      assert.is(planDurationMs(plan), plan.orders.at(-1)?.atMs)
    }),
  )
})

test('in any order of handling, exactly the doomed fail', () => {
  const orderings = fc.tuple(anyPlan, fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })))
  fc.assert(
    fc.property(orderings, ([{ plan }, keys]) => {
      const stock = plan.products.map((product) => product.stock)
      const balance = plan.users.map((user) => user.balance)
      const shuffled = plan.orders.map((order) => ({ order, key: keys.next().value as number }))
      shuffled.sort((one, other) => one.key - other.key)
      for (const { order } of shuffled) {
        const hasStock = order.items.every((item) => (stock[item.productIndex] ?? 0) >= item.quantity)
        assert.is(hasStock, order.doomed !== 'stock')
        if (!hasStock) continue
        // Held also while the money is looked for, and never given back: the worst case for the others.
        for (const item of order.items) stock[item.productIndex]! -= item.quantity
        const cost = order.items.reduce(
          (sum, item) => sum + item.quantity * (plan.products[item.productIndex]?.price ?? 0),
          0,
        )
        const hasMoney = (balance[order.userIndex] ?? 0) >= cost
        assert.is(hasMoney, order.doomed !== 'money')
        if (hasMoney) balance[order.userIndex]! -= cost
      }
    }),
  )
})

test.run()

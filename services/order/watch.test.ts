import { getEventListeners } from 'node:events'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually } from '../../shared/testing/index.ts'
import type { StatusChange } from './statements.ts'
import { watchOrders } from './watch.ts'

const a = '01900000-0000-7000-8000-00000000000a'
const b = '01900000-0000-7000-8000-00000000000b'
const nobodys = '01900000-0000-7000-8000-00000000000c'

/** A history in memory that notes who asked for what. */
const fakeHistory = () => {
  const rows: StatusChange[] = []
  const looks: (readonly string[])[] = []
  let broken = false
  return {
    looks,
    breakDown: (now: boolean) => {
      broken = now
    },
    add: (orderId: string, status: StatusChange['status']) => {
      rows.push({ id: rows.length + 1, orderId, status, reason: null, at: new Date() })
    },
    look: async (orderIds: readonly string[]) => {
      looks.push(orderIds)
      if (broken) throw new Error('the database is away')
      return rows.filter(({ orderId }) => orderIds.includes(orderId))
    },
  }
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const never = () => new AbortController().signal

/** Collects what a watch tells. */
const following = (source: AsyncGenerator<StatusChange>) => {
  const seen: string[] = []
  let ended = false
  const end = (async () => {
    for await (const { id, status } of source) seen.push(`${id} ${status}`)
    ended = true
  })()
  return { seen, end, hasEnded: () => ended }
}

/** The watch looks no more: nobody is left in it. */
const fallsSilent = async (looks: readonly unknown[]) => {
  let before = -1
  await eventually(
    () => {
      const quiet = looks.length === before
      before = looks.length
      return quiet
    },
    { everyMs: 600 },
  )
}

test('what happened before is told at once, and the terminal status ends it', async () => {
  const { look, looks, add } = fakeHistory()
  add(a, 'PROCESSING')
  add(a, 'SUCCESS')
  const { changes } = watchOrders(look)
  const follower = following(changes(a, 0, never()))
  await eventually(follower.hasEnded)
  assert.equal(follower.seen, ['1 PROCESSING', '2 SUCCESS'])
  await fallsSilent(looks)
})

test('a wake tells at once what was committed here', async () => {
  const { look, add, looks } = fakeHistory()
  add(a, 'PROCESSING')
  const { changes, wake } = watchOrders(look)
  const follower = following(changes(a, 0, never()))
  await eventually(() => follower.seen.length === 1, { everyMs: 1 })
  const before = looks.length
  add(a, 'FAILED')
  wake([a])
  await eventually(follower.hasEnded, { everyMs: 1 })
  assert.is(looks.length, before + 1, 'one look for one wake')
})

test('a wake while a look is under way is not lost', async () => {
  const { look, add } = fakeHistory()
  add(a, 'PROCESSING')
  let slow = () => {}
  let first = true
  const { changes, wake } = watchOrders(async (ids) => {
    const rows = await look(ids)
    if (first) {
      first = false
      await new Promise<void>((resolve) => {
        slow = resolve
      })
    }
    return rows
  })
  const follower = following(changes(a, 0, never()))
  await eventually(() => !first, { everyMs: 1 })
  add(a, 'SUCCESS')
  wake([a])
  slow()
  await eventually(follower.hasEnded, { everyMs: 1 })
  assert.equal(follower.seen, ['1 PROCESSING', '2 SUCCESS'])
})

test('what others committed is seen by the poll, also after a look that failed', async () => {
  const { look, add, breakDown, looks } = fakeHistory()
  add(a, 'PROCESSING')
  const follower = following(watchOrders(look).changes(a, 0, never()))
  await eventually(() => follower.seen.length === 1)
  breakDown(true)
  const before = looks.length
  await eventually(() => looks.length > before)
  add(a, 'SUCCESS')
  breakDown(false)
  await eventually(follower.hasEnded)
  assert.equal(follower.seen, ['1 PROCESSING', '2 SUCCESS'])
})

test('a wake looks at the orders it names and are watched here, and at no other', async () => {
  const { look, looks, add } = fakeHistory()
  for (const id of [a, b]) add(id, 'PROCESSING')
  const { changes, wake } = watchOrders(look)
  const followers = [a, b].map((id) => following(changes(id, 0, never())))
  await eventually(() => followers.every(({ seen }) => seen.length === 1), { everyMs: 1 })
  const before = looks.length
  wake([nobodys])
  add(b, 'SUCCESS')
  wake([b, nobodys])
  await eventually(() => followers[1]?.hasEnded(), { everyMs: 1 })
  const since = looks.slice(before)
  assert.equal(since.at(-1), [b])
  assert.not(since.flat().includes(nobodys))
  add(a, 'FAILED')
  wake([a])
  await followers[0]?.end
})

test('what others committed is seen also while wakes never cease', async () => {
  const { look, add } = fakeHistory()
  for (const id of [a, b]) add(id, 'PROCESSING')
  const { changes, wake } = watchOrders(look)
  const leaving = new AbortController()
  const busy = following(changes(a, 0, leaving.signal))
  const follower = following(changes(b, 0, never()))
  await eventually(() => follower.seen.length === 1)
  add(b, 'SUCCESS')
  await eventually(
    () => {
      wake([a])
      return follower.hasEnded()
    },
    { everyMs: 1 },
  )
  leaving.abort()
  await busy.end
})

test('a client that resumes is told only what came after', async () => {
  const { look, add } = fakeHistory()
  add(a, 'PROCESSING')
  add(a, 'SUCCESS')
  const follower = following(watchOrders(look).changes(a, 1, never()))
  await eventually(follower.hasEnded)
  assert.equal(follower.seen, ['2 SUCCESS'])
})

test('one look serves all watchers, each order once, and each is told of its own order', async () => {
  const { look, looks, add } = fakeHistory()
  for (const id of [a, b]) add(id, 'PROCESSING')
  const { changes, wake } = watchOrders(look)
  const followers = [a, a, b].map((id) => following(changes(id, 0, never())))
  await eventually(() => followers.every(({ seen }) => seen.length === 1))
  const ids = looks.at(-1) as readonly string[]
  assert.equal([...ids].sort(), [a, b])
  add(b, 'FAILED')
  wake([b])
  await eventually(() => followers[2]?.hasEnded())
  assert.equal(
    followers.map(({ hasEnded }) => hasEnded()),
    [false, false, true],
  )
  add(a, 'SUCCESS')
  wake([a])
  await Promise.all(followers.map(({ end }) => end))
  assert.equal(
    followers.map(({ seen }) => seen),
    [
      ['1 PROCESSING', '4 SUCCESS'],
      ['1 PROCESSING', '4 SUCCESS'],
      ['2 PROCESSING', '3 FAILED'],
    ],
  )
})

test('an abort ends it, and leaves no watcher and no listener behind', async () => {
  const { look, looks, add } = fakeHistory()
  add(a, 'PROCESSING')
  const { changes } = watchOrders(look)
  const leaving = new AbortController()
  const followers = Array.from({ length: 3 }, () => following(changes(a, 0, leaving.signal)))
  await eventually(() => followers.every(({ seen }) => seen.length === 1))
  assert.is(getEventListeners(leaving.signal, 'abort').length, 3)
  leaving.abort()
  await Promise.all(followers.map(({ end }) => end))
  assert.is(getEventListeners(leaving.signal, 'abort').length, 0)
  await fallsSilent(looks)
})

test('a follower that breaks off is forgotten, also by a signal that lives on', async () => {
  const { look, looks, add } = fakeHistory()
  add(a, 'PROCESSING')
  const signal = never()
  for await (const change of watchOrders(look).changes(a, 0, signal)) {
    assert.is(change.id, 1)
    break
  }
  assert.is(getEventListeners(signal, 'abort').length, 0)
  await fallsSilent(looks)
})

test('nothing is asked while nobody watches, and watching works again after a pause', async () => {
  const { look, looks, add } = fakeHistory()
  const { changes, wake } = watchOrders(look)
  wake([a])
  assert.is(looks.length, 0)
  add(a, 'PROCESSING')
  add(a, 'SUCCESS')
  await eventually(following(changes(a, 0, never())).hasEnded)
  await fallsSilent(looks)
  await eventually(following(changes(a, 0, never())).hasEnded)
})

test('settled resolves at the terminal status, after its time, or at an abort, whichever is first', async () => {
  const { look, looks, add } = fakeHistory()
  add(a, 'PROCESSING')
  const { settled, wake } = watchOrders(look)
  const resolved: string[] = []
  const note = (name: string) => () => resolved.push(name)
  const leaving = new AbortController()
  void settled(a, 60_000, leaving.signal).then(note('abort'))
  leaving.abort()
  await eventually(() => resolved.length === 1)
  void settled(a, 20, never()).then(note('time'))
  await eventually(() => resolved.length === 2)
  void settled(a, 60_000, never()).then(note('terminal'))
  add(a, 'FAILED')
  wake([a])
  await eventually(() => resolved.length === 3)
  assert.equal(resolved, ['abort', 'time', 'terminal'])
  await fallsSilent(looks)
})

test('settled keeps its time also when garbage is collected meanwhile', async () => {
  const { look, add, looks } = fakeHistory()
  add(a, 'PROCESSING')
  const { settled } = watchOrders(look)
  let over = 0
  for (let n = 0; n < 5; n += 1) void settled(a, 500, never()).then(() => over++)
  const isOver = () => {
    collectGarbage()
    return over === 5
  }
  await eventually(isOver, { withinMs: 5_000, everyMs: 20 })
  await fallsSilent(looks)
})

test.run()

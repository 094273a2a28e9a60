import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { actualCanvas, writtenCanvas } from '../../shared/testing/index.ts'
import { choreography } from './choreography.ts'
import { orderRoutes } from './http.ts'

test('the README lists what the service owns, hears, says and serves', async () => {
  // Routes are data: nothing behind these doors is opened to list them.
  const actual = await actualCanvas('order', choreography.rows, orderRoutes({} as never))
  assert.equal(await writtenCanvas('order'), actual)
  assert.ok(actual.owns.length > 0)
})

test.run()

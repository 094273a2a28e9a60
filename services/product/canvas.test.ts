import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { actualCanvas, writtenCanvas } from '../../shared/testing/index.ts'
import { choreography } from './choreography.ts'
import { openProductDatabase } from './database.ts'
import { productRoutes } from './http.ts'

test('the README lists what the service owns, hears, says and serves', async () => {
  // Opened lazily, so nothing is connected to.
  const database = openProductDatabase({
    url: 'postgres://nowhere.invalid/unused',
    name: 'test',
    poolSize: 1,
  })
  const actual = await actualCanvas('product', choreography.rows, productRoutes(database))
  assert.equal(await writtenCanvas('product'), actual)
  assert.ok(actual.owns.length > 0)
})

test.run()

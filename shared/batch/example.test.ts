import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { runReadme } from '../testing/index.ts'

test('the lines of the README compile, run and print what it says', async () => {
  assert.is(await runReadme('batch', { copied: ['batch', 'failure'] }), 'saved 1\nsaved 2\n4 [ 5, 3 ]\n')
})

test.run()

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { runReadme } from '../testing/index.ts'

test('the lines of the README compile and run with a copy of this folder and contracts of their own', async () => {
  const said = await runReadme('saga', { copied: ['saga'] })
  assert.match(said, /^\[ 'meal\.order' \] \[\]$/m)
  assert.match(
    said,
    /^\| `MealOrdered` \| waiter \| `meal\.order` \| 1 \| kitchen -> MealCooked or MealRefused \|$/m,
  )
  assert.match(said, /^\{ plates: 0 \} \[ 'MealCooked' \]$/m)
})

test.run()

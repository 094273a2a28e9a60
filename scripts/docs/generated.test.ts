import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { generatedDocuments } from './generated.ts'

test('diagrams and tables in the documents are as the code has them (mend with: npm run docs)', async () => {
  for (const { file, fresh, text } of await generatedDocuments()) {
    assert.ok(fresh, `${file} is stale: npm run docs`)
    assert.match(text, /<!-- generated: /, `${file} has a derived part`)
  }
})

test.run()

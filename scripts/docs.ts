import { writeFile } from 'node:fs/promises'
import { generatedDocuments } from './docs/generated.ts'
import { commandWithExamples, runCommand } from './infra/index.ts'

await runCommand(
  commandWithExamples('npm run docs', 'Writes the parts of the documents that are derived from the code.', [
    'npm run docs',
  ]).action(async () => {
    for (const { file, fresh, text } of await generatedDocuments()) {
      if (!fresh) await writeFile(file, text)
      console.log(`${file}: ${fresh ? 'up to date' : 'written'}`)
    }
  }),
)

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { projectRoot } from '../../scripts/infra/index.ts'

const read = (file: string) => readFileSync(join(projectRoot, file), 'utf8')
const drillFiles = () =>
  readdirSync(join(projectRoot, 'test/drills'))
    .filter((name) => name.endsWith('.proof.test.ts') || name === 'status.ts' || name === 'operator.ts')
    .map((name) => `test/drills/${name}`)

const page = read('docs/operations.md')
const blocks = [...page.matchAll(/^ *```sh\n([\s\S]*?)^ *```/gm)].map((it) => it[1] as string)
const inline = [...page.matchAll(/`(npm run [^`]+)`/g)].map((it) => it[1] as string)
const inBlocks = blocks.flatMap((block) => block.trim().split('\n')).map((line) => line.trim())

/** Ids and times differ from run to run; the drills have variables there. */
const general = (text: string) =>
  text
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}|\d{4}-\d\d-\d\dT[\d:]+Z/g, '<it>')
    .replaceAll(/\$\{[^}]*\}/g, '<it>')

test('every command of the page is typed in a drill, or on the page of the outbox commands, which is executed line by line', () => {
  const typed = [...drillFiles(), 'docs/outbox-commands.md'].map(read).map(general).join('\n')
  assert.ok(inBlocks.length > 20)
  for (const command of inBlocks)
    assert.ok(new RegExp(`${escaped(general(command))}['\`\n]`).test(typed), command)
})

test('every command between the lines is known to the pages that tests execute', () => {
  const known = [...drillFiles(), 'docs/outbox-commands.md', 'README.md'].map(read).join('\n')
  for (const command of inline) assert.ok(known.includes(command), command)
})

test('every metric that the page watches is one', () => {
  const code = ['shared/service/metrics.ts', 'shared/http/measure.ts'].map(read).join('\n')
  const watched = [...page.matchAll(/`((?:outbox|inbox|consumer|http|rpc)_[a-z_]+)`/g)].map(
    (it) => it[1] as string,
  )
  assert.ok(watched.length >= 8)
  for (const name of watched) assert.ok(code.includes(`'${name}'`), name)
})

test('every link of the page leads to a heading', () => {
  for (const [, file, anchor] of page.matchAll(/\]\(([a-z-]+\.md)?#([a-z-]+)\)/g)) {
    const text = file === undefined ? page : read(`docs/${file}`)
    const anchors = [...text.matchAll(/^#+ (.*)$/gm)].map((it) => anchorOf(it[1] as string))
    assert.ok(anchors.includes(anchor as string), `${file ?? ''}#${anchor}`)
  }
})

const escaped = (text: string) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replaceAll(/[^a-z0-9 -]/g, '')
    .replaceAll(' ', '-')

test.run()

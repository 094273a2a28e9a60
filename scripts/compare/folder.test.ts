import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Folder, openFolder } from './folder.ts'
import { writeResults } from './run.ts'
import { madeUpLegs, madeUpResults, madeUpSettings } from './testing/made-up-results.ts'

const settings = madeUpSettings({ orders: 60, rounds: 2 })
const { machine } = madeUpResults({ orders: 10, rounds: 1 })
const legs = madeUpLegs(settings)

const withFolder = async (use: (folder: Folder) => Promise<void>) => {
  const parent = await mkdtemp(join(tmpdir(), 'comparison-'))
  try {
    await use(openFolder(join(parent, 'out')))
  } finally {
    await rm(parent, { recursive: true })
  }
}

test('what was kept is read back as it was, and results are made of it', () =>
  withFolder(async (folder) => {
    await folder.begin(settings, machine)
    for (const record of legs) await folder.keep(record)
    assert.equal(await folder.settings(), settings)
    assert.equal(
      await folder.legs(),
      [...legs].sort((one, other) => (key(one) < key(other) ? -1 : 1)),
    )
    const results = await writeResults(folder)
    assert.is(results.sides[1]?.legs.length, 2)
    const page = await readFile(join(folder.path, 'report.html'), 'utf8')
    await writeResults(folder)
    assert.is(
      await readFile(join(folder.path, 'report.html'), 'utf8'),
      page,
      'the same samples give the same page',
    )
  }))

const key = ({ leg }: (typeof legs)[number]) => `${leg.round} ${leg.side}`

test('a leg that was cut short is not there, and the results say that some are missing', () =>
  withFolder(async (folder) => {
    await folder.begin(settings, machine)
    const [first, second] = legs
    assert.ok(first && second)
    await folder.keep(first)
    await folder.keep(second)
    await rm(join(folder.legPath(second.leg.round, second.leg.side), 'leg.json'))
    assert.is(await folder.has(first.leg.round, first.leg.side), true)
    assert.is(await folder.has(second.leg.round, second.leg.side), false)
    assert.is((await folder.legs()).length, 1)
    assert.match((await writeResults(folder)).warnings.join(), /Only 1 of 4 legs were run/)
  }))

test('a folder that is taken is not written over', () =>
  withFolder(async (folder) => {
    await folder.begin(settings, machine)
    const again = await folder.begin(settings, machine).then(String, (error: Error) => error.message)
    assert.match(again, /holds a comparison already/)
  }))

test('a folder that is no comparison, or has a broken sample, is refused with its place', () =>
  withFolder(async (folder) => {
    const message = (work: Promise<unknown>) => work.then(String, (error: Error) => error.message)
    assert.match(await message(writeResults(folder)), /settings\.json can't be read/)
    await folder.begin(settings, machine)
    await writeFile(join(folder.path, 'settings.json'), '{"version": 2}')
    assert.match(await message(folder.settings()), /settings\.json is not as it should be/)
    const [first] = legs
    assert.ok(first)
    await folder.keep(first)
    await writeFile(join(folder.legPath(first.leg.round, first.leg.side), 'samples.ndjson'), '{"i": 0}\n')
    assert.match(await message(folder.legs()), /samples\.ndjson: line 1 is not a sample/)
  }))

test.run()

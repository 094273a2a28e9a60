import { spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { skipTest } from '../../../shared/testing/index.ts'
import { madeUpResults } from '../testing/made-up-results.ts'
import { renderReport } from './index.ts'

const names = ['chromium', 'chromium-browser', 'google-chrome']

const isProgram = (path: string) => {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
const folders = (process.env.PATH ?? '').split(delimiter)
const browser = names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isProgram)

const widths = [1_280, 390]
const withinMs = 60_000

/** Each width a frame of its own (its scroll bar takes some of it), measured when all are loaded; the page itself has no script. */
const frames = (page: string) => {
  const quoted = page.replaceAll('&', '&amp;').replaceAll('"', '&quot;')
  const all = widths.map(
    (width) => `<iframe style="width:${width}px;height:800px;border:0" srcdoc="${quoted}"></iframe>`,
  )
  return `<!doctype html><body>${all.join('')}<script>
    onload = () => {
      const seen = [...document.querySelectorAll('iframe')].map(({ contentDocument: page, contentWindow: frame }) => {
        const shown = (css) => [...page.querySelectorAll(css)].filter((it) => it.getBoundingClientRect().width > 0)
        return {
          width: page.documentElement.clientWidth,
          needed: page.documentElement.scrollWidth,
          pictures: shown('figure svg').length,
          headline: shown('h1').map((it) => it.innerText).join(),
          fetched: frame.performance.getEntriesByType('resource').length,
        }
      })
      document.title = encodeURIComponent(JSON.stringify(seen))
    }
  </script></body>`
}

interface Looked {
  width: number
  needed: number
  pictures: number
  headline: string
  fetched: number
}

const look = async (program: string, page: string): Promise<Looked[]> => {
  const folder = await mkdtemp(join(tmpdir(), 'report-'))
  try {
    const file = join(folder, 'frames.html')
    await writeFile(file, frames(page))
    const dom = await domOf(program, folder, file)
    const [, title] = /<title>(.*?)<\/title>/.exec(dom) ?? []
    return JSON.parse(decodeURIComponent(title ?? ''))
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

const domOf = (program: string, folder: string, file: string) =>
  new Promise<string>((resolve, reject) => {
    const isRoot = process.getuid?.() === 0
    const child = spawn(
      program,
      [
        ...['--headless', '--disable-gpu', '--disable-background-networking', '--no-first-run'],
        ...(isRoot ? ['--no-sandbox'] : []),
        ...[`--user-data-dir=${join(folder, 'profile')}`, '--dump-dom', `file://${file}`],
      ],
      { stdio: ['ignore', 'pipe', 'ignore'], timeout: withinMs, killSignal: 'SIGKILL' },
    )
    let dom = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      dom += chunk
    })
    child.once('error', reject)
    child.once('close', () => resolve(dom))
  })

const name =
  'in a browser, on a desk and on a phone: nothing is wider than the screen, and nothing is fetched'
if (browser === undefined) skipTest(test, name, `there is none of ${names.join(', ')}`)
else
  test(name, async () => {
    const page = renderReport(madeUpResults({ fault: 'kill-user', rounds: 4 }))
    const looked = await look(browser, page)
    assert.is(looked.length, widths.length)
    for (const { width, needed, pictures, headline, fetched } of looked) {
      assert.ok(needed <= width, `${needed} wide on ${width}`)
      assert.is(pictures, 3)
      assert.ok(headline.length > 10)
      assert.is(fetched, 0)
    }
  })

test.run()

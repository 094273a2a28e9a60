import { lasting } from './terminal.ts'

const barWidth = 24
const redrawMs = 100

interface Screen {
  isTTY?: boolean
  /** Unknown where there is no terminal. */
  columns?: number
  write(text: string): unknown
}

/** A bar with the time left, on a terminal only; `from` is done already. It stays on one line, or redrawing would fill the screen. */
export const createProgress = (
  label: string,
  total: number,
  from: number,
  screen: Screen = process.stderr,
) => {
  const begun = performance.now()
  let drawn = Number.NEGATIVE_INFINITY
  const draw = (done: number, isOver: boolean) => {
    const elapsed = (performance.now() - begun) / 1_000
    const rate = elapsed > 0 ? (done - from) / elapsed : 0
    const left = isOver || rate <= 0 ? '' : ` ${lasting((total - done) / rate)} left`
    const counts = `${done}/${total} ${Math.round(rate)}/s${left}`
    const most = (screen.columns ?? 80) - 1
    const bar = barOf(total === 0 ? 1 : done / total, most - label.length - counts.length - 4)
    screen.write(`\r\u001b[K${`${label}${bar} ${counts}`.slice(0, most)}`)
  }
  return {
    show(done: number) {
      if (!screen.isTTY || performance.now() - drawn < redrawMs) return
      drawn = performance.now()
      draw(done, false)
    },
    end(done: number) {
      if (!screen.isTTY) return
      draw(done, true)
      screen.write('\n')
    },
  }
}

const barOf = (share: number, room: number): string => {
  const width = Math.min(barWidth, room)
  if (width < 4) return ''
  const filled = Math.min(width, Math.floor(share * width))
  return ` [${'#'.repeat(filled)}${'.'.repeat(width - filled)}]`
}

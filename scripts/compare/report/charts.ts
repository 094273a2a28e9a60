import type { Results, Side } from '../results.ts'
import { spreadOf } from '../statistics.ts'
import { formatMs, formatNumber } from '../words.ts'
import {
  type Axis,
  axes,
  escapeText,
  type Frame,
  linear,
  linePath,
  logarithmic,
  logTicks,
  picture,
  roundTicks,
  type Size,
} from './svg.ts'

const wide: Size = { width: 860, height: 330 }
const narrow: Size = { width: 360, height: 270 }

/** The same picture for a desktop and for a phone; the style sheet shows one of them. */
const twice = (draw: (size: Size) => string, label: string): string =>
  picture(wide, 'wide', label, draw(wide)) + picture(narrow, 'narrow', label, draw(narrow))

const frameOf = ({ width, height }: Size): Frame => ({
  left: 52,
  top: 30,
  right: width - 14,
  bottom: height - 46,
})

const isWide = (size: Size) => size.width > 500

const line = (index: number, points: readonly ([number, number] | null)[]) =>
  `<path class="line side${index}" d="${linePath(points)}"/>`

/** Share of all orders sent that are settled within a time; the time is on a logarithmic axis. */
export const settleChart = (results: Results, label: string): string => {
  const { sides } = results
  const times = sides.flatMap(({ settleCurve }) => settleCurve.map(([ms]) => ms)).filter((ms) => ms > 0)
  if (times.length === 0) return '<p>No order settled.</p>'
  const from = Math.min(...times) * 0.9
  const to = Math.max(...times, 10) * 1.1
  return twice((size) => {
    const frame = frameOf(size)
    const x: Axis = {
      scale: logarithmic([from, to], [frame.left, frame.right]),
      ticks: logTicks(from, to, isWide(size) ? 8 : 5).map((value) => ({ value, label: formatMs(value) })),
      title: 'time from the moment the order was meant to be sent until it was settled',
    }
    if (!isWide(size)) x.title = 'time until settled'
    const y: Axis = {
      scale: linear([0, 1], [frame.bottom, frame.top]),
      ticks: [0, 0.25, 0.5, 0.75, 1].map((value) => ({ value, label: `${value * 100} %` })),
      title: 'share of all orders sent',
    }
    const lines = sides.map((side, index) => line(index, stepsOf(side, x, y, frame)))
    return axes(frame, x, y) + lines.join('')
  }, label)
}

const stepsOf = ({ settleCurve }: Side, x: Axis, y: Axis, frame: Frame): [number, number][] => {
  const [firstMs] = settleCurve[0] ?? [0]
  const start: [number, number] = [x.scale(firstMs), y.scale(0)]
  const last = settleCurve.at(-1)
  const points = settleCurve.map(([ms, share]): [number, number] => [x.scale(ms), y.scale(share)])
  return last === undefined ? [] : [start, ...points, [frame.right, y.scale(last[1])]]
}

interface Series {
  of: (side: Side) => readonly (number | null)[]
  title: string
  format: (value: number) => string
}

/** Orders settled per second, over the run. */
export const throughputChart = (results: Results, label: string): string =>
  overTime(results, label, {
    of: (side) => side.timeline.settledPerSecond,
    title: 'settled per second',
    format: formatNumber,
  })

/** Median settle time of the orders meant to be sent at that moment, over the run. */
export const settleOverTimeChart = (results: Results, label: string): string =>
  overTime(results, label, {
    of: (side) => side.timeline.settleMedianMs,
    title: 'median time to settle, by moment of sending',
    format: formatMs,
  })

/** Beyond this ratio of the highest to the middle value, only a logarithmic axis shows both. */
const logBeyond = 8

const overTime = (results: Results, label: string, series: Series): string => {
  const { sides } = results
  const values = sides.flatMap((side) => series.of(side)).filter((value) => value !== null)
  const positive = values.filter((value) => value > 0).sort((one, other) => one - other)
  const highest = positive.at(-1)
  if (highest === undefined) return '<p>No order settled.</p>'
  const isTime = series.format === formatMs
  const useLog = isTime && highest / (positive[positive.length >> 1] ?? highest) > logBeyond
  const seconds = Math.max(
    ...sides.map(({ timeline }) => (timeline.settledPerSecond.length * timeline.binMs) / 1_000),
  )
  const lowest = (positive[0] ?? 1) * 0.8
  return twice((size) => {
    const frame = frameOf(size)
    const x: Axis = {
      scale: linear([0, seconds], [frame.left, frame.right]),
      ticks: roundTicks(seconds, isWide(size) ? 8 : 4).map((value) => ({
        value,
        label: `${formatNumber(value)} s`,
      })),
      title: 'time since the first order',
    }
    const range: [number, number] = [frame.bottom, frame.top]
    const y: Axis = useLog
      ? {
          scale: logarithmic([lowest, highest * 1.1], range),
          ticks: logTicks(lowest, highest * 1.1, 6).map((value) => ({ value, label: series.format(value) })),
          title: isWide(size) ? `${series.title} (logarithmic)` : series.title,
        }
      : {
          scale: linear([0, highest * 1.1], range),
          ticks: roundTicks(highest * 1.1, 5).map((value) => ({ value, label: series.format(value) })),
          title: series.title,
        }
    const lines = sides.map((side, index) => {
      const { binMs } = side.timeline
      const points = series
        .of(side)
        .map((value, bin): [number, number] | null =>
          value === null ? null : [x.scale(((bin + 0.5) * binMs) / 1_000), y.scale(value)],
        )
      return line(index, points)
    })
    return shade(results, x, frame, !isTime) + axes(frame, x, y) + lines.join('')
  }, label)
}

const shade = (results: Results, x: Axis, frame: Frame, named: boolean): string => {
  const windows = faultWindows(results)
  return windows
    .map(({ action, target, fromMs, toMs }) => {
      const from = x.scale(fromMs / 1_000)
      const to = Math.min(x.scale(toMs / 1_000), frame.right)
      const middle = Math.min((from + to) / 2, frame.right - 45)
      return `<rect class="fault" x="${from.toFixed(1)}" y="${frame.top}" width="${Math.max(2, to - from).toFixed(1)}" height="${frame.bottom - frame.top}"/>${named ? `<text class="faulttext" x="${middle.toFixed(1)}" y="${frame.top + 14}" text-anchor="middle">${escapeText(`${action} ${target}`)}</text>` : ''}`
    })
    .join('')
}

/** One window per step of the profile: from the earliest begin to the middle one of the ends, over rounds and sides. */
export const faultWindows = (results: Results) => {
  const legs = results.sides.flatMap((side) => side.legs)
  return results.settings.fault.steps.flatMap((step, index) => {
    const windows = legs.flatMap(({ leg }) => leg.windows[index] ?? [])
    if (windows.length === 0) return []
    return [
      {
        action: step.action,
        target: step.target,
        fromMs: Math.min(...windows.map(({ fromMs }) => fromMs)),
        toMs: spreadOf(windows.map(({ toMs }) => toMs))?.median ?? 0,
      },
    ]
  })
}

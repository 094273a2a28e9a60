/** Text made safe for HTML and SVG, also inside attributes. */
export const escapeText = (text: string): string =>
  text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`)

export interface Size {
  width: number
  height: number
}

/** Where a value lies on an axis, in pixels. */
export type Scale = (value: number) => number

export const linear = ([from, to]: [number, number], [start, end]: [number, number]): Scale => {
  const span = to - from || 1
  return (value) => start + ((value - from) / span) * (end - start)
}

export const logarithmic = ([from, to]: [number, number], range: [number, number]): Scale => {
  const scale = linear([Math.log(from), Math.log(to)], range)
  return (value) => scale(Math.log(Math.max(value, from)))
}

/** About `count` round steps from 0 to `max`: 1, 2 or 5 times a power of ten apart. */
export const roundTicks = (max: number, count: number): number[] => {
  const raw = max / count || 1
  const power = 10 ** Math.floor(Math.log10(raw))
  const step = ([1, 2, 5, 10].find((one) => one * power >= raw * 0.999) ?? 10) * power
  return Array.from({ length: Math.floor(max / step + 1e-9) + 1 }, (_, index) => index * step)
}

/** At most `most` of 1, 2, 5, 10, 20, 50, .. within the limits, or of 1, 3, 10, .., or powers of ten when they are too many. */
export const logTicks = (from: number, to: number, most: number): number[] => {
  const lowest = Math.floor(Math.log10(from))
  const powers = Array.from({ length: Math.ceil(Math.log10(to)) - lowest + 1 }, (_, i) => 10 ** (lowest + i))
  const choices = [[1, 2, 5], [1, 3], [1]].map((steps) =>
    powers.flatMap((power) => steps.map((step) => step * power)).filter((tick) => tick >= from && tick <= to),
  )
  return choices.find((ticks) => ticks.length <= most) ?? choices[2] ?? []
}

const pixel = (value: number) => Math.round(value * 10) / 10

/** A line through points; a null makes a gap, a point alone between gaps becomes a dot. */
export const linePath = (points: readonly ([number, number] | null)[]): string => {
  let before = false
  return points
    .map((point, index) => {
      const connects = before
      before = point !== null
      if (point === null) return ''
      const lonely = !connects && (points[index + 1] ?? null) === null
      return `${connects ? 'L' : 'M'}${pixel(point[0])} ${pixel(point[1])}${lonely ? 'h0.1' : ''}`
    })
    .join('')
}

export interface Frame {
  left: number
  top: number
  right: number
  bottom: number
}

export interface Axis {
  scale: Scale
  ticks: { value: number; label: string }[]
  title: string
}

/** Grid, tick labels and axis titles. */
export const axes = (frame: Frame, x: Axis, y: Axis): string => {
  const vertical = x.ticks.map(({ value, label }) => {
    const at = pixel(x.scale(value))
    return `<path class="grid" d="M${at} ${frame.top}V${frame.bottom}"/><text x="${at}" y="${frame.bottom + 18}" text-anchor="middle">${escapeText(label)}</text>`
  })
  const horizontal = y.ticks.map(({ value, label }) => {
    const at = pixel(y.scale(value))
    return `<path class="grid" d="M${frame.left} ${at}H${frame.right}"/><text x="${frame.left - 6}" y="${at + 4}" text-anchor="end">${escapeText(label)}</text>`
  })
  const titles = `<text class="axis" x="${frame.right}" y="${frame.bottom + 36}" text-anchor="end">${escapeText(x.title)}</text><text class="axis" x="${frame.left}" y="${frame.top - 10}">${escapeText(y.title)}</text>`
  return `${vertical.join('')}${horizontal.join('')}${titles}`
}

export const picture = (size: Size, className: string, label: string, content: string): string =>
  `<svg class="${className}" viewBox="0 0 ${size.width} ${size.height}" role="img" aria-label="${escapeText(label)}">${content}</svg>`

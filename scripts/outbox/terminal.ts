/** Data goes to stdout, talk to stderr. */
export const say = (line: string): void => console.error(line)

export const plural = (count: number, one: string): string => `${count} ${one}${count === 1 ? '' : 's'}`

/** How long, in words that fit a line. */
export const lasting = (seconds: number): string => {
  if (seconds < 120) return `${Math.round(seconds)} s`
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} d`
}

/** Writes one JSON document whose list may be longer than memory. */
export const createJsonList = (head: Record<string, unknown>, name: string) => {
  let count = 0
  process.stdout.write(
    `${JSON.stringify(head).slice(0, -1)}${Object.keys(head).length > 0 ? ',' : ''}"${name}":[`,
  )
  return {
    add(item: unknown) {
      process.stdout.write(`${count === 0 ? '\n' : ',\n'}${JSON.stringify(item)}`)
      count += 1
    },
    end(tail: Record<string, unknown>) {
      const rest = JSON.stringify(tail).slice(1)
      process.stdout.write(`\n]${rest === '}' ? '' : ','}${rest}\n`)
    },
  }
}

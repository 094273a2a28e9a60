/** A number stays with its unit. */
const betweenWords = / (?!ms\b)/

/** Breaks a text between words so that no line is longer than `width`, if its words let it; later lines begin with `indent`. */
export const wrapped = (text: string, width: number | undefined, indent: string): string[] => {
  if (width === undefined || text.length <= width) return [text]
  const lines: string[] = []
  let line = ''
  for (const word of text.split(betweenWords)) {
    if (line.trim() !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = `${indent}${word}`
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}

/** Texts beyond these are made as they go (lists of values), and would fill the server's memory under names. */
const mostNames = 200

/**
 * A statement with a name is parsed and planned once a connection, not each time. `renew` gives all of them new names: after a
 * migration a plan may no longer fit its tables.
 */
export const createStatementNames = () => {
  const names = new Map<string, string>()
  let generation = 0
  return {
    /** Empty for a statement that has none. */
    nameOf: (text: string): string => {
      const known = names.get(text)
      if (known !== undefined) return known
      if (names.size >= mostNames) return ''
      const name = `s${generation}_${names.size}`
      names.set(text, name)
      return name
    },
    renew: (): void => {
      names.clear()
      generation += 1
    },
  }
}

export type StatementNames = ReturnType<typeof createStatementNames>

/**
 * What may not stand raw in a log line: controls, zero-width and bidirectional characters, line separators, tags, blank letters.
 * They can hide or reorder what a reader sees. The line break that ends a line may stand; one inside is escaped by JSON.
 */
const deceptive = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu

const escaped = (character: string) =>
  Array.from({ length: character.length }, (_, index) => character.charCodeAt(index))
    .map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`)
    .join('')

/** The same text with deceptive characters written as \uXXXX; inside a JSON document the meaning is unchanged. */
export const visible = (text: string): string => text.replace(deceptive, escaped)

/** The same text with the password of every URL in it replaced by ***. */
export const withoutPasswords = (text: string): string =>
  text.replace(/([a-z][a-z0-9+.-]*:\/\/[^\s:@/"]*):[^\s"]*@/gi, '$1:***@')

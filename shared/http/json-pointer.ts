/** RFC 6901: the JSON pointer of a path into a document; the empty string is the document itself. */
export const pointerTo = (path: readonly PropertyKey[]): string =>
  path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')

/** Values that no name may have. */
export const badNames: readonly unknown[] = [
  ...[undefined, null, 5, true, [], {}, '', '   '],
  ...['a\u0000b', 'line\nbreak', '\ud800', 'n'.repeat(201), 'n'.repeat(10_000)],
]

/** Whole request bodies that are not a JSON object, or not JSON. */
export const badBodies: readonly string[] = [
  ...['', '{', 'null', '[]', '"x"', '5', 'true', '{}', '\ufeff{}', '{"name":NaN}', '{"name":"x",}'],
]

/** Texts that are kept as they are, and do nothing. */
export const hostileNames: readonly string[] = [
  `"'; DROP TABLE products; DROP TABLE users;--`,
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the text that must stay inert
  '${jndi:ldap://x}',
  '<script>alert(1)</script>',
  '\u202eevil\u202c',
  'zero\u200bwidth',
  'Åsa 🛒 ñ',
]

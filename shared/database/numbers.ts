/** A bigint column as a JavaScript number; throws where it would not be exact, which a CHECK constraint rules out. */
export const exact = (value: bigint | number): number => {
  const number = Number(value)
  if (!Number.isSafeInteger(number)) throw new RangeError(`${value} is not a safe integer`)
  return number
}

export const exactOrNull = (value: bigint | number | null): number | null =>
  value === null ? null : exact(value)

/** Numbers that look random and are the same for the same seed, on every machine. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number
  /** Uniform whole number in [0, below). */
  below(below: number): number
  /** Waiting time of a Poisson process with `rate` events per unit of time. */
  exponential(rate: number): number
  /** Normal with mean 0 and deviation 1. */
  normal(): number
}

/** FNV-1a with a last mix: spreads any text over 32 bits. */
const hash = (text: string, salt: number): number => {
  let value = 0x811c9dc5 ^ salt
  for (const byte of new TextEncoder().encode(text)) value = Math.imul(value ^ byte, 0x01000193)
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35)
  return (value ^ (value >>> 16)) >>> 0
}

/** sfc32 (Chris Doty-Humphrey, PractRand): 128 bits of state, small and sound. Streams of other seeds are independent. */
export const createRandom = (seed: string): Random => {
  let a = hash(seed, 1)
  let b = hash(seed, 2)
  let c = hash(seed, 3)
  let counter = 1
  const next = (): number => {
    const sum = (a + b + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + sum
    c |= 0
    return (sum >>> 0) / 2 ** 32
  }
  for (let round = 0; round < 15; round += 1) next()

  return {
    next,
    below: (below) => Math.floor(next() * below),
    exponential: (rate) => -Math.log(1 - next()) / rate,
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
  }
}

/** Draws ranks 0, 1, 2, .. of which rank k comes up in proportion to 1 / (k + 1)^exponent. */
export const createZipf = (count: number, exponent: number): ((random: Random) => number) => {
  let sum = 0
  const upTo = Array.from({ length: count }, (_, rank) => {
    sum += (rank + 1) ** -exponent
    return sum
  })
  return (random) => {
    const point = random.next() * sum
    let low = 0
    let high = count - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if ((upTo[middle] ?? 0) > point) high = middle
      else low = middle + 1
    }
    return low
  }
}

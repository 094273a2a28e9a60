import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { z } from 'zod'

const ms = z.number().nullable()

/**
 * What became of one order of the plan. Times are milliseconds after the workload's start; null means that it never happened.
 * `outcome` is what the order database says after quiescence; `absent` means that it knows nothing of this order.
 */
export const Sample = z.strictObject({
  i: z.int().nonnegative(),
  doomed: z.enum(['stock', 'money']).nullable(),
  /** When the plan wanted it sent: every latency counts from here. */
  intendedMs: z.number(),
  sentMs: ms,
  /** When the whole answer was there, whatever it was. */
  acceptedMs: ms,
  status: z.int().nullable(),
  orderId: z.string().nullable(),
  settledMs: ms,
  outcome: z.enum(['SUCCESS', 'FAILED', 'PROCESSING', 'absent']),
  reason: z.string().nullable(),
  /** `timeout`, or a socket's error code, when no answer came. */
  error: z.string().nullable(),
})
export type Sample = z.infer<typeof Sample>

export const writeSamples = async (file: string, samples: readonly Sample[]): Promise<void> => {
  const lines = samples.map((sample) => `${JSON.stringify(sample)}\n`)
  await writeFile(file, '')
  for (let from = 0; from < lines.length; from += 10_000) {
    await appendFile(file, lines.slice(from, from + 10_000).join(''))
  }
}

/** Reads raw samples, one JSON object a line. Throws with the line's number when one is not a sample. */
export const readSamples = async (file: string): Promise<Sample[]> => {
  const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '')
  return lines.map((line, index) => {
    try {
      return Sample.parse(JSON.parse(line))
    } catch (cause) {
      throw new Error(`${file}: line ${index + 1} is not a sample`, { cause })
    }
  })
}

/** Answered with the order: 201 or 202. */
export const isAccepted = (sample: Sample): boolean => sample.status === 201 || sample.status === 202

export const settleTimeMs = (sample: Sample): number | null =>
  sample.settledMs === null ? null : sample.settledMs - sample.intendedMs

export const acceptTimeMs = (sample: Sample): number | null =>
  isAccepted(sample) && sample.acceptedMs !== null ? sample.acceptedMs - sample.intendedMs : null

/** It ended as the plan wanted: what can succeed succeeded, what can't failed for that very reason. */
export const endedAsPlanned = ({ doomed, outcome, reason }: Sample): boolean => {
  if (doomed === null) return outcome === 'SUCCESS'
  return outcome === 'FAILED' && reason === (doomed === 'stock' ? 'out_of_stock' : 'insufficient_balance')
}

import { auditAtRest, waitUntilStill } from '../../compare/index.ts'
import type { Services } from './services.ts'

const deadlineMs = 60_000

/** A bench must not be fast by doing wrong: the books of the whole system agree once nothing moves. */
export const checkAtRest = async ({ databases, audited }: Services, withinMs = 60_000): Promise<void> => {
  if (!(await waitUntilStill(databases, withinMs))) throw new Error('the system did not come to rest')
  const findings = await auditAtRest({ ...audited, deadlineMs, withinMs })
  if (findings.length > 0) throw new Error(`the audit found ${JSON.stringify(findings)}`)
}

import { z } from 'zod'
import { services } from '../../shared/contracts/index.ts'

export const targets = [...services, 'postgres', 'broker'] as const
export type TargetName = (typeof targets)[number]

const actions = ['kill', 'restart', 'pause', 'slow'] as const
const onlyServices: readonly string[] = ['pause', 'slow']
const share = z.number().min(0).max(1)
const duration = z.number().min(0).max(3_600_000)

/**
 * One thing that goes wrong. When: `atMs`, or `atFraction` of the workload's length. For how long: `ms`, or `fraction` of that length.
 * kill: SIGKILL, started again afterwards. restart: stopped in good order, started again. pause: SIGSTOP, then SIGCONT.
 * slow: every answer of the service's database comes `delayMs` later.
 */
export const FaultStep = z
  .strictObject({
    atMs: duration.optional(),
    atFraction: share.optional(),
    action: z.enum(actions),
    target: z.enum(targets),
    ms: duration.optional(),
    fraction: share.optional(),
    delayMs: z.number().min(1).max(60_000).optional(),
  })
  .superRefine((step, context) => {
    const wrong = (path: string, message: string) =>
      context.addIssue({ code: 'custom', path: path === '' ? [] : [path], message })
    if ((step.atMs === undefined) === (step.atFraction === undefined)) {
      wrong('', 'say when: either atMs or atFraction')
    }
    if ((step.ms === undefined) === (step.fraction === undefined))
      wrong('', 'say for how long: either ms or fraction')
    if ((step.action === 'slow') !== (step.delayMs !== undefined)) {
      wrong('delayMs', 'belongs to the action slow, and slow needs it')
    }
    const isService = services.some((service) => service === step.target)
    if (onlyServices.includes(step.action) && !isService) {
      wrong('target', `${step.action} is for a service: ${services.join(', ')}`)
    }
  })
export type FaultStep = z.infer<typeof FaultStep>

export const FaultProfile = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'lower-case letters, digits and dashes, at most 40'),
  steps: z.array(FaultStep).max(50),
})
export type FaultProfile = z.infer<typeof FaultProfile>

const step = (one: Partial<FaultStep> & Pick<FaultStep, 'action' | 'target'>): FaultStep => ({
  atFraction: 0.4,
  ...one,
})

const killed = (target: TargetName) => [step({ action: 'kill', target, ms: 3_000 })]

/** The profiles that come with the program. Times are chosen so that there is quiet before and recovery after. */
export const faultProfiles: readonly FaultProfile[] = [
  { name: 'none', steps: [] },
  { name: 'kill-order', steps: killed('order') },
  { name: 'kill-product', steps: killed('product') },
  { name: 'kill-user', steps: killed('user') },
  { name: 'broker-restart', steps: [step({ action: 'restart', target: 'broker', ms: 1_000 })] },
  { name: 'postgres-restart', steps: [step({ action: 'restart', target: 'postgres', ms: 1_000 })] },
  { name: 'slow-user', steps: [step({ action: 'slow', target: 'user', fraction: 0.3, delayMs: 50 })] },
  { name: 'user-down', steps: [{ atFraction: 0, action: 'kill', target: 'user', fraction: 1 }] },
]

/** When a step begins and ends, milliseconds after the start of a workload of this length. */
export const windowOf = (one: FaultStep, durationMs: number): { fromMs: number; forMs: number } => ({
  fromMs: one.atMs ?? (one.atFraction ?? 0) * durationMs,
  forMs: one.ms ?? (one.fraction ?? 0) * durationMs,
})

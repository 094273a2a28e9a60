import { type Mode, modes } from '../../shared/contracts/index.ts'

/** The mode that whole-system tests run in: TEST_SAGA_MODE, by default choreography. */
export const testMode = (): Mode => {
  const wanted = process.env.TEST_SAGA_MODE ?? 'choreography'
  const mode = modes.find((one) => one === wanted)
  if (mode === undefined) throw new Error(`TEST_SAGA_MODE must be one of ${modes.join(', ')}`)
  return mode
}

import { createRelay, type Relay, type RelayOptions } from '../index.ts'

/** A relay that runs while `use` does. The poll is slow: what goes out at once was woken. */
export const withRelay = async (
  options: Omit<RelayOptions, 'pollMs'> & { pollMs?: number },
  use: (relay: Relay) => Promise<void>,
): Promise<void> => {
  const relay = createRelay({ pollMs: 60_000, firstRetryMs: 20, ...options })
  relay.start()
  try {
    await use(relay)
  } finally {
    await relay.stop()
  }
}

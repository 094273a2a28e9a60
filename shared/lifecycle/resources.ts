/** Something that was started and has to be stopped. */
export interface Stoppable {
  stop(): Promise<void>
}

/** What a program holds, in the order in which it was acquired; released in reverse. */
export interface Resources extends Stoppable {
  /** Remembers how to stop what is already running. */
  add(name: string, stop: () => unknown): void
  /** Opens a resource and remembers how to close it; what fails to open is not remembered. */
  acquire<T>(name: string, open: () => T | Promise<T>, close: (it: T) => unknown): Promise<T>
  /** Stops everything, last acquired first, each even if another fails; then throws what failed. Once, however often called. */
  stop(): Promise<void>
}

export const createResources = (onStop: (name: string) => void = () => {}): Resources => {
  const held: { name: string; stop: () => unknown }[] = []
  let stopped: Promise<void> | undefined

  const stopAll = async () => {
    const failures: unknown[] = []
    for (let one = held.pop(); one !== undefined; one = held.pop()) {
      try {
        onStop(one.name)
        await one.stop()
      } catch (cause) {
        failures.push(new Error(`could not stop ${one.name}`, { cause }))
      }
    }
    if (failures.length === 1) throw failures[0]
    if (failures.length > 1) throw new AggregateError(failures, 'could not stop everything')
  }

  const resources: Resources = {
    add: (name, stop) => void held.push({ name, stop }),
    acquire: async (name, open, close) => {
      const it = await open()
      resources.add(name, () => close(it))
      return it
    },
    stop: () => {
      stopped ??= stopAll()
      return stopped
    },
  }
  return resources
}

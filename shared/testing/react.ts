import type { DomainEvent } from '../contracts/index.ts'
import { decisionFor, type Input, type Table } from '../saga/index.ts'

/** One batch as the rim runs it, without inbox and outbox: load, decide one after another, save. Answers what was said. */
export const react = async <Tx, World, State>(
  tx: Tx,
  { store, rows }: Table<Tx, World, State>,
  inputs: readonly Input[],
): Promise<DomainEvent[]> => {
  const world = await store.load(tx, inputs)
  const said = inputs.flatMap((input) => {
    const { state, events } = decisionFor(rows, input)(store.read(world, input), input)
    store.write(world, state)
    return events
  })
  await store.save(tx, world)
  return said
}

import * as assert from 'uvu/assert'
import type { Decision } from '../saga/index.ts'

/**
 * A decision read as a sentence: `given(state).when(decide, event).says([..]).leaves(state)`. `says` compares the events
 * in order, `leaves` the state after; both may be left out, and `state` goes on from there.
 */
export const given = <State>(state: State) => ({
  when: <Input, Event>(decide: (state: State, input: Input) => Decision<State, Event>, input: Input) => {
    const before = structuredClone(state)
    const decided = decide(state, input)
    assert.equal(state, before, 'a decision leaves the state it was given as it was')
    const sentence = {
      state: decided.state,
      says(events: readonly Event[]) {
        assert.equal(decided.events, events)
        return sentence
      },
      leaves(after: State) {
        assert.equal(decided.state, after)
        return sentence
      },
    }
    return sentence
  },
})

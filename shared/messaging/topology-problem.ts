/** One thing that is not as the topology says. */
export interface TopologyProblem {
  kind: 'missing' | 'different' | 'leaderless' | 'away' | 'extra'
  /** One line, e.g. `queue order.events is missing`. */
  text: string
}

import type { Results } from '../results.ts'
import { formatMs, formatNumber } from '../words.ts'
import { escapeText } from './svg.ts'

/** How it was measured, on what, and what to type to do it again. */
export const method = (results: Results): string => {
  const { settings, machine } = results
  const lines = methodLines(results).map((text) => `<li>${escapeText(text)}</li>`)
  const rig = `${machine.cpu}, ${machine.cores} cores, ${formatNumber(machine.memoryGb)} GB, ${machine.system}; Node ${machine.node}, PostgreSQL ${machine.postgres}, RabbitMQ ${machine.rabbitmq}; everything, the load driver included, on this one machine.`
  const steps = settings.fault.steps.map(
    (step) => `<li><code>${escapeText(JSON.stringify(step))}</code></li>`,
  )
  const fault =
    steps.length === 0
      ? ''
      : `<p>The fault <b>${escapeText(settings.fault.name)}</b>, at the same moments in both:</p><ul>${steps.join('')}</ul>`
  return `<h2>How it was measured</h2><ol>${lines.join('')}</ol>${fault}
<h2>The machine, and how to repeat it</h2><p>${escapeText(rig)}</p><p>${escapeText(settings.project)}</p>
<pre>${escapeText(settings.command)}\nnpm run compare -- --report FOLDER   # makes this page again from the raw samples</pre>`
}

const methodLines = ({ settings }: Results): string[] => {
  const { users, products, skew, doomedByMoney, doomedByStock, warmUpOrders, deadlineMs, clientTimeoutMs } =
    settings
  const percent = (share: number) => `${formatNumber(share * 100)} %`
  return [
    `Each round has a workload of its own, made from the seed ${settings.seed} and the round's number; both ways get the same one, to the byte.`,
    `Orders come at random moments (Poisson) whether or not earlier ones are answered, from ${users} users for ${products} products, a few of them much wanted (Zipf ${skew}), one to five lines each; ${percent(doomedByStock)} must fail for stock and ${percent(doomedByMoney)} for money.`,
    'Every time counts from the moment the order was meant to be sent, so a stalled system is charged for all who had to wait (no coordinated omission).',
    `Accepted: the whole answer, 201 or 202, was there. No answer within ${formatMs(clientTimeoutMs)} is a time-out, any other answer an error; times to accept are of the accepted. Nothing is sent twice.`,
    'Settled: SUCCESS or FAILED, at the moment that a database trigger wrote down, read after the run, for both in the same way. Percentiles of it count every order sent: one that never settled counts as infinitely late.',
    `Rounds alternate (A B, B A, ..), each with new databases, new queues, newly started services and ${warmUpOrders} orders to warm up that do not count.`,
    `Faults hit both at the same moments of the workload. An order that is not settled within ${formatMs(deadlineMs)} is given up by the order service.`,
    'After a round the system comes to rest, and is audited; CPU, transactions and messages count from the first order until that rest.',
    'Percentiles are nearest-rank values of the raw samples; the table shows the median of the rounds and their range.',
    "A difference in times or costs is claimed when the 99 % interval (Student's t) of the rounds' log-ratios, paired by round, lies wholly beyond ±1 %; in percentages, from three rounds on, when that of the difference of the two means, by their spread between rounds, lies wholly beyond half a percentage point. From six rounds on the exact sign-flip test has to agree (p < 0.05).",
  ]
}

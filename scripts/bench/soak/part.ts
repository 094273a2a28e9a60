import { services } from '../../../shared/contracts/index.ts'
import type { Part } from '../part.ts'

const orders = 200_000

export const soak: Part = {
  name: 'soak',
  question: `does a service grow over ${orders.toLocaleString('en')} orders, and do the books agree at the end?`,
  onlyNamed: true,
  mostRounds: 1,
  // It takes as long as its rate says, and ends by itself when orders do not settle.
  mostMinutes: Infinity,
  figures: {
    rate: { label: 'placed', unit: 'orders/s' },
    p99: { label: 'time to settle, p99', unit: 'ms' },
    ...Object.fromEntries(services.map((name) => [name, { label: `growth of ${name}`, unit: '%' }])),
  },
  per: { count: 1_000, what: 'orders' },
  sides: [
    {
      key: 'steady',
      name: 'at a rate that is kept up',
      kind: 'ours',
      run: async (scene) => (await import('./soak.ts')).soak(scene, orders),
    },
  ],
  claims: services.map((name) => ({
    what: `memory of the ${name} service, last tenth to the second one`,
    figure: name,
    of: 'steady',
    must: { atMost: 10 },
  })),
}

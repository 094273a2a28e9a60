import type { Part, Side } from '../part.ts'

const started = (name: 'order' | 'product' | 'user'): Side => ({
  key: name,
  name: `${name} service`,
  kind: 'ours',
  run: async (scene) => (await import('./start.ts')).startToReady(scene, name),
})

export const start: Part = {
  name: 'start',
  question: 'how long from start to ready, with the infrastructure up?',
  figures: { ms: { label: 'start to ready', unit: 'ms' } },
  per: { count: 1, what: 'start' },
  sides: [started('order'), started('product'), started('user')],
  claims: (['order', 'product', 'user'] as const).map((name) => ({
    what: `the ${name} service`,
    figure: 'ms',
    of: name,
    must: { atMost: 1_500 },
    aim: { atMost: 1_000 },
  })),
}

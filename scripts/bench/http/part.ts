import type { Part } from '../part.ts'
import { connections } from './load.ts'

export const http: Part = {
  name: 'http',
  question: `how many orders a second does POST /orders take, over ${connections} connections?`,
  figures: {
    rate: { label: 'placed', unit: 'orders/s' },
    p50: { label: 'median', unit: 'ms' },
    p99: { label: 'p99', unit: 'ms' },
  },
  per: { count: 1_000, what: 'orders' },
  sides: [
    {
      key: 'koa',
      name: 'koa and zod, no database',
      kind: 'bound',
      run: async (scene) => (await import('./rivals.ts')).postToRival(scene, 'none', 60_000),
    },
    {
      key: 'statement',
      name: 'koa and plain pg, one statement a request',
      kind: 'bound',
      run: async (scene) => (await import('./rivals.ts')).postToRival(scene, 'statement', 60_000),
    },
    {
      key: 'interactive',
      name: 'koa and Prisma, one interactive transaction a request',
      kind: 'bound',
      run: async (scene) => (await import('./rivals.ts')).postToRival(scene, 'interactive', 12_000),
    },
    {
      key: 'ours',
      name: 'order service, relay publishing meanwhile',
      kind: 'ours',
      run: async (scene) => (await import('./ours.ts')).postToService(scene, 60_000, 'on'),
    },
    {
      key: 'ours-alone',
      name: 'order service, no relay in it: what the rivals do',
      kind: 'ours',
      run: async (scene) => (await import('./ours.ts')).postToService(scene, 60_000, 'off'),
    },
  ],
  claims: [
    {
      what: 'service to one interactive transaction a request',
      figure: 'rate',
      of: 'ours',
      against: ['interactive'],
      must: { atLeast: 3 },
    },
    {
      what: 'service to one statement a request',
      figure: 'rate',
      of: 'ours',
      against: ['statement'],
      must: { atLeast: 1 },
    },
    {
      what: 'an aim: service to koa with no database',
      figure: 'rate',
      of: 'ours',
      against: ['koa'],
      must: { atLeast: 0.5 },
    },
  ],
}

import { randomUUID } from 'node:crypto'
import http from 'node:http'
import { percentiles } from '../../compare/index.ts'
import type { Outcome } from '../part.ts'
import type { Scene } from '../scene.ts'

export const connections = 50
const warmUpShare = 0.3

/** An order of two lines, for users and products that need not be there: the route asks nobody. */
const someOrder = () =>
  JSON.stringify({
    userId: randomUUID(),
    items: [1, 2].map((quantity) => ({ productId: randomUUID(), quantity })),
  })

/** Posts so many orders over 50 connections, each of which sends the next one when it has its answer. */
export const postOrders = async (scene: Scene, url: string, requests: number): Promise<Outcome> => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: connections })
  const count = scene.scaled(requests)
  const post = () =>
    new Promise<void>((resolve, reject) => {
      const body = someOrder()
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
      const request = http.request(`${url}/orders`, { method: 'POST', agent, headers }, (response) => {
        response.resume()
        response.on('end', () =>
          response.statusCode === 202 ? resolve() : reject(new Error(`answered ${response.statusCode}`)),
        )
      })
      request.on('error', reject)
      request.end(body)
    })
  const all = async (orders: number): Promise<number[]> => {
    const times: number[] = []
    let left = orders
    const one = async () => {
      while (left-- > 0) {
        const began = performance.now()
        await post()
        times.push(performance.now() - began)
      }
    }
    await Promise.all(Array.from({ length: connections }, one))
    return times
  }
  try {
    await all(Math.ceil(count * warmUpShare))
    let times: number[] = []
    const seconds = await scene.window(count, async () => {
      times = await all(count)
    })
    const { p50, p99 } = percentiles(times)
    return { figures: { rate: count / seconds, p50: p50 ?? 0, p99: p99 ?? 0 }, raw: { ms: times } }
  } finally {
    agent.destroy()
  }
}

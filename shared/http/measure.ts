import { Histogram, type Registry } from 'prom-client'

/** Counts and times every request by the template of its route, so that ids never become labels. */
export const createMeasure = (metrics: Registry) => {
  const seconds = new Histogram({
    name: 'http_request_seconds',
    help: 'Time from the head of a request to the end of its answer; _count counts requests',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30],
    registers: [metrics],
  })
  return (method: string, route: string, status: number, took: number): void =>
    seconds.observe({ method, route, status }, took)
}

import type { HttpClient } from '../../compare/index.ts'
import type { Services } from './services.ts'

/** Of 100 transactions of all services, how many tries lost a conflict (a deadlock, mostly) and were made again. */
export const retriedPercent = async ({ processes }: Services, http: HttpClient): Promise<number> => {
  const pages = await Promise.all(processes.map(({ url }) => http.get(`${url}/metrics`)))
  const total = (name: string) => pages.reduce((sum, { body }) => sum + metricIn(body, name), 0)
  return (100 * total('database_retries_total')) / total('database_transactions_total')
}

/** The sum of a metric over its labels, on a page of Prometheus' text format; 0 where there is none. */
export const metricIn = (page: string, name: string): number =>
  page
    .split('\n')
    .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)

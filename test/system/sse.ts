import { request } from 'node:http'

export interface StreamEvent {
  id: string | undefined
  event: string | undefined
  data: string
}

/** Reads a stream of server-sent events to its end and answers them with the status; comments (heartbeats) are left out. */
export const readStream = (
  url: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; events: StreamEvent[] }> =>
  new Promise((resolve, reject) => {
    const sent = request(url, { agent: false, headers, timeout: 40_000 }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      response.on('error', reject)
      response.on('end', () => resolve({ status: response.statusCode ?? 0, events: eventsIn(text) }))
    })
    sent.on('timeout', () => sent.destroy(new Error('the stream did not end')))
    sent.on('error', reject)
    sent.end()
  })

const eventsIn = (text: string): StreamEvent[] =>
  text.split('\n\n').flatMap((block) => {
    const field = (name: string) => new RegExp(`^${name}: ?(.*)$`, 'm').exec(block)?.[1]
    const data = field('data')
    return data === undefined ? [] : [{ id: field('id'), event: field('event'), data }]
  })

import { type Kind, type Servers, shellWord } from '../infra/index.ts'
import type { Cast, Urls } from './cast.ts'

/**
 * What the other commands must be told when the system is not where they look by themselves. What the environment named is not
 * repeated: the caller's has it, and it may hold passwords. Nor is one that compose took from the environment or from `.env`.
 */
export const whereabouts = (
  { postgresUrl, amqpUrl, kinds }: Pick<Servers, 'postgresUrl' | 'amqpUrl' | 'kinds'>,
  namespace: string,
): string => {
  const known = ['running', 'env']
  const settings = [
    ...(known.includes(kinds.postgres ?? '')
      ? []
      : [`POSTGRES_URL=${shellWord(shown(postgresUrl, kinds.postgres))}`]),
    ...(known.includes(kinds.rabbitmq ?? '')
      ? []
      : [`AMQP_URL=${shellWord(shown(amqpUrl, kinds.rabbitmq))}`]),
    ...(namespace === '' ? [] : [`SAGA_NAMESPACE=${shellWord(namespace)}`]),
  ]
  return settings.length === 0 ? '' : `\n  export ${settings.join(' ')}`
}

/** What docker-compose.yml has when nobody chose another. */
const developmentPasswords = ['postgres', 'guest']

const shown = (text: string, kind: Kind | undefined): string => {
  const url = new URL(text)
  if (kind !== 'compose' || developmentPasswords.includes(url.password)) return text
  url.password = 'PASSWORD'
  return url.href
}

/** Commands to try on the running system, as they can be pasted. */
export const whatNext = (
  { ada, chair }: Cast,
  orderId: string,
  urls: Urls,
  { head, where }: { head: string; where: string },
): string => `
${head}, in another terminal:
${where}
  curl -s ${urls.order}/orders -H 'Content-Type: application/json' -H 'Prefer: wait=5' \\
    -d '{"userId":"${ada.id}","items":[{"productId":"${chair.id}","quantity":1}]}'
  curl -s '${urls.order}/orders?limit=3'
  curl -s ${urls.user}/users/${ada.id}/ledger
  curl -s ${urls.product}/products/${chair.id}
  curl -s ${urls.order}/readyz
  curl -s ${urls.order}/metrics
  npm run audit
  npm run outbox -- status
  npm run explain -- ${orderId}

The services' logs are in .data/logs. Ctrl-C stops everything; the data stay.`

import { Refused } from '../failure/index.ts'

export interface BrokerAddress {
  /** With credentials and the heartbeat; for the client only. */
  url: string
  /** Without credentials; for people. */
  shown: string
  user: string
  password: string
  vhost: string
  /** Where RabbitMQ's management API listens unless it is told otherwise, with the credentials; for the client only. */
  managementUrl: string
  /** Takes the credentials out of any text. */
  redact(text: string): string
}

/** RabbitMQ's habit: 5672 has its management API on 15672, and 5671, with TLS, on 15671. */
export const managementOffset = 10_000

const managementOf = ({ protocol, username, password, hostname, port }: URL): string => {
  const [scheme, standard] = protocol === 'amqps:' ? ['https', 5671] : ['http', 5672]
  return `${scheme}://${username}:${password}@${hostname}:${Number(port || standard) + managementOffset}`
}

/** The nodes of one broker: a cluster is written as the URLs of its nodes, comma separated. */
export const brokerUrls = (text: string): string[] => text.split(/,(?=amqps?:\/\/)/)

/**
 * Reads the URLs of a broker's nodes, all with the same user and vhost. Throws `Refused` (`broker.url_invalid`), which never quotes them.
 */
export const parseBrokerUrls = (text: string, heartbeatSeconds: number): BrokerAddress[] => {
  const addresses = brokerUrls(text).map((url) => parseBrokerUrl(url, heartbeatSeconds))
  const identities = new Set(addresses.map(({ user, vhost }) => JSON.stringify([user, vhost])))
  if (identities.size > 1)
    throw new Refused('invalid', "the URLs of the broker's nodes differ in user or vhost", {
      code: 'broker.url_invalid',
      next: 'name the nodes of one cluster, with one user and one vhost',
    })
  return addresses
}

/** Reads an amqp:// or amqps:// URL. Throws `Refused` (`broker.url_invalid`), which never quotes the URL. */
const parseBrokerUrl = (text: string, heartbeatSeconds: number): BrokerAddress => {
  if (!URL.canParse(text) || !/^amqps?:$/.test(new URL(text).protocol)) {
    throw new Refused('invalid', 'the broker URL is not an amqp:// or amqps:// URL', {
      code: 'broker.url_invalid',
      next: 'set AMQP_URL, for example amqp://user:password@127.0.0.1:5672',
    })
  }
  const url = new URL(text)
  const password = decodeURIComponent(url.password)
  const secrets = [url.password, password, encodeURIComponent(password)].filter((it) => it.length >= 4)
  url.searchParams.set('heartbeat', String(heartbeatSeconds))
  const path = url.pathname.slice(1)
  return {
    url: url.href,
    shown: `${url.protocol}//${url.host}${url.pathname}`,
    user: decodeURIComponent(url.username),
    password,
    vhost: path === '' ? '/' : decodeURIComponent(path),
    managementUrl: managementOf(url),
    redact: (it) =>
      secrets
        .reduce((rest, secret) => rest.replaceAll(`:${secret}@`, ':***@').replaceAll(secret, '***'), it)
        .replaceAll(/\/\/[^/@\s]*@/g, '//***@'),
  }
}

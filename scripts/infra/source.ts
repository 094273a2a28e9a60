/** Where a server comes from, in the order in which we look. */
export const kinds = ['env', 'running', 'compose', 'private', 'install'] as const
export type Kind = (typeof kinds)[number]

export type ServerName = 'postgres' | 'rabbitmq'
export const displayName: Record<ServerName, string> = { postgres: 'PostgreSQL', rabbitmq: 'RabbitMQ' }

/** Debian's names. */
export const systemPackages: Record<ServerName, string> = {
  postgres: 'postgresql',
  rabbitmq: 'rabbitmq-server',
}

/** A server that answers. `stop` ends it if we started it, and does nothing if it was there. */
export interface Found {
  url: string
  stop(): Promise<void>
}

/** One way of having a server. Answers what it found, or why there is none this way; throws Unavailable to end the search. */
export type Source = (
  server: ServerName,
  context: { log: (line: string) => void; place: string; interrupted: AbortSignal },
) => Promise<Found | string>

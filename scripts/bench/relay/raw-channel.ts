import { type ConfirmChannel, connect, type Options } from 'amqplib'

export interface RawMessage {
  id: string
  content: Buffer
  /** As few as a durable, routed message needs when left out. */
  properties?: Options.Publish | undefined
}

/** The broker library alone, a confirm channel on a connection of its own. */
export const withRawChannel = async <Result>(
  amqpUrl: string,
  use: (channel: ConfirmChannel) => Promise<Result>,
): Promise<Result> => {
  const connection = await connect(amqpUrl, { noDelay: true })
  try {
    return await use(await connection.createConfirmChannel())
  } finally {
    await connection.close()
  }
}

/** Resolves when the broker has confirmed it. */
export const publishRaw = (
  channel: ConfirmChannel,
  exchange: string,
  { id, content, properties = fewProperties(id) }: RawMessage,
): Promise<void> =>
  new Promise((resolve, reject) => {
    channel.publish(exchange, 'order.create', content, properties, (error: unknown) =>
      error ? reject(error) : resolve(),
    )
  })

const fewProperties = (messageId: string) => ({
  messageId,
  persistent: true,
  mandatory: true,
  contentType: 'application/json',
})

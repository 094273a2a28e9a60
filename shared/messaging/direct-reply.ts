/** RabbitMQ's direct reply-to: replies come back on the caller's own channel, over no queue. */
export const directReplyTo = 'amq.rabbitmq.reply-to'

// Erlang's external format of a process id: version, NEW_PID_EXT, ATOM_UTF8_EXT, then the name's length in two bytes.
const processHead = 0x83_58_76_00
const nameAt = 5
const processTail = 12

/**
 * Whether an address of a reply may be published to. The broker replaces a caller's direct reply-to by `<that>.<process>.<key>`; whoever
 * writes such an address himself reaches nobody, and one that can't be decoded costs the publisher its connection (541 on RabbitMQ 3.10).
 */
export const isPublishable = (replyTo: string): boolean => {
  if (!replyTo.startsWith(`${directReplyTo}.`)) return true
  const [process = '', key] = replyTo.slice(directReplyTo.length + 1).split('.')
  // Nobody decodes it.
  if (key === undefined) return true
  const bytes = Buffer.from(process, 'base64')
  if (bytes.toString('base64') !== process) return false
  if (bytes.length <= nameAt + processTail || bytes.readUInt32BE(0) !== processHead) return false
  const name = bytes.toString('latin1', nameAt, bytes.length - processTail)
  return name.length === bytes[nameAt - 1] && /^reply@\d{1,10}$/.test(name)
}

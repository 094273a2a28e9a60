/** AMQP 0-9-1: class and method ids of the two frames that make something lasting. */
const exchangeDeclare = (40 << 16) | 10
const queueDeclare = (50 << 16) | 10
const protocolHeaderBytes = 8
const frameHeaderBytes = 7

export interface DeclaredNames {
  exchanges: Set<string>
  queues: Set<string>
}

/**
 * Reads what a client says to a broker and notes the exchanges and queues that it declares, so that a test leaves
 * nothing behind whatever it declared. Feed it one connection's bytes, in order.
 */
export function createDeclarationReader(names: DeclaredNames): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0)
  let headerSeen = false
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    if (!headerSeen) {
      if (rest.length < protocolHeaderBytes) return
      headerSeen = true
      rest = rest.subarray(protocolHeaderBytes)
    }
    for (;;) {
      if (rest.length < frameHeaderBytes) return
      const length = frameHeaderBytes + rest.readUInt32BE(3) + 1
      if (rest.length < length) return
      if (rest[0] === 1) noteMethod(rest.subarray(frameHeaderBytes, length - 1), names)
      rest = rest.subarray(length)
    }
  }
}

/** Both methods begin: class id, method id, two reserved bytes, name as a short string. */
function noteMethod(frame: Buffer, names: DeclaredNames): void {
  if (frame.length < 7) return
  const method = frame.readUInt32BE(0)
  const name = frame.toString('utf8', 7, 7 + (frame[6] ?? 0))
  if (method === exchangeDeclare) names.exchanges.add(name)
  if (method === queueDeclare) names.queues.add(name)
}

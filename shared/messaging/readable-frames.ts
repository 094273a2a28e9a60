/** What amqplib's types leave out: how its connection takes the next frame from the bytes that came. */
export interface FrameReader {
  /** Bytes that are not read yet. A frame is taken from them before it is decoded. */
  rest: Buffer
  recvFrame(): unknown
}

/** In place of headers that can't be read. */
export const unreadableHeader = 'x-headers-unreadable'

/**
 * RabbitMQ passes headers on that amqplib can't decode: 64 bits under the tag `L`, as Python's py-amqp (Celery, kombu) writes large
 * numbers, and tables nested too deep for its calls. It then ends the connection, with all consumers on it, and again when the message
 * comes back. So such a frame is read a second time, with `L` as the `l` that it means, and if need be without its headers.
 */
export const readEveryFrame = (reader: FrameReader): void => {
  const read = reader.recvFrame
  reader.recvFrame = () => {
    // When nothing whole is there, recvFrame reads on and calls itself: what fails here was at the beginning of these bytes.
    const bytes = reader.rest
    try {
      return read.call(reader)
    } catch (error) {
      const frame = contentHeaderIn(bytes)
      if (frame === undefined) throw error
      const { rest } = reader
      for (const readable of [withKnownTags, withoutHeaders]) {
        try {
          reader.rest = Buffer.concat([readable(frame), rest])
          return read.call(reader)
        } catch {
          // The next one says less.
        }
      }
      throw error
    }
  }
}

interface ContentHeader {
  /** Of the whole frame. */
  bytes: Buffer
  /** Where the table of headers begins, at its length, and where it ends. */
  from: number
  to: number
}

// A frame: type, channel (2), size (4), payload, end mark. This payload: class (2), weight (2), body size (8), flags (2), properties.
const sizeAt = 3
const payloadAt = 7
const flagsAt = payloadAt + 12
const propertiesAt = flagsAt + 2
const contentHeaderFrame = 2
const endMark = 0xce
const flags = { contentType: 0x8000, contentEncoding: 0x4000, headers: 0x2000 }

/** The content header that these bytes begin with, if it has a table of headers. */
const contentHeaderIn = (bytes: Buffer): ContentHeader | undefined => {
  if (bytes.length < propertiesAt || bytes[0] !== contentHeaderFrame) return undefined
  const frame = bytes.subarray(0, payloadAt + bytes.readUInt32BE(sizeAt) + 1)
  if (frame.at(-1) !== endMark) return undefined
  const has = frame.readUInt16BE(flagsAt)
  if ((has & flags.headers) === 0) return undefined
  let from = propertiesAt
  for (const flag of [flags.contentType, flags.contentEncoding])
    if ((has & flag) !== 0) from += 1 + frame.readUInt8(from)
  return { bytes: frame, from, to: from + 4 + frame.readUInt32BE(from) }
}

const withoutHeaders = ({ bytes, from, to }: ContentHeader): Buffer => {
  const name = Buffer.from(unreadableHeader)
  const table = Buffer.concat([Buffer.of(name.length), name, Buffer.from('t\x01')])
  const length = Buffer.alloc(4)
  length.writeUInt32BE(table.length)
  const frame = Buffer.concat([bytes.subarray(0, from), length, table, bytes.subarray(to)])
  frame.writeUInt32BE(frame.length - payloadAt - 1, sizeAt)
  return frame
}

// Of tables and arrays only the length, for what is in them is looked at too.
const widths: Readonly<Record<number, string>> = { 0: 'V', 1: 'tbB', 2: 'su', 4: 'IifFA', 5: 'D', 8: 'lLdT' }

const widthOf = (tag: string): number => {
  const found = Object.entries(widths).find(([, tags]) => tags.includes(tag))
  if (found === undefined) throw new TypeError(`unknown type tag ${tag}`)
  return Number(found[0])
}

const endOfLong = (frame: Buffer, at: number): number => at + 4 + frame.readUInt32BE(at)

/** The same with `l` for each `L`. Throws for another tag that nobody knows. */
const withKnownTags = ({ bytes, from, to }: ContentHeader): Buffer => {
  const frame = Buffer.from(bytes)
  // Without recursion: the depth is the sender's choice.
  const open = [{ end: to, named: true }]
  let at = from + 4
  for (let inner = open.at(-1); inner !== undefined; inner = open.at(-1)) {
    if (at >= inner.end) {
      open.pop()
      continue
    }
    if (inner.named) at += 1 + frame.readUInt8(at)
    const tag = String.fromCharCode(frame.readUInt8(at))
    if (tag === 'L') frame.write('l', at)
    at += 1
    if (tag === 'F' || tag === 'A') open.push({ end: endOfLong(frame, at), named: tag === 'F' })
    at = tag === 'S' || tag === 'x' ? endOfLong(frame, at) : at + widthOf(tag)
  }
  return frame
}

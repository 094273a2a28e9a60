import type { Message } from 'amqplib'
import { storable } from './envelope-attributes.ts'
import { maxBodyBytes } from './prepare.ts'

/** Why a message can't be read; the code is stable. */
export interface Unreadable {
  ok: false
  code: string
  reason: string
}

export const unreadable = (code: string, reason: string): Unreadable => ({ ok: false, code, reason })

const maxDepth = 32

/** The JSON object in a message's body, or why there is none. */
export const readBody = ({
  content,
  properties,
}: Message): { ok: true; data: Record<string, unknown> } | Unreadable => {
  if (content.length > maxBodyBytes) {
    return unreadable('body.too_large', `the body has ${content.length} bytes, ${maxBodyBytes} are allowed`)
  }
  if (content.length === 0) return unreadable('body.empty', 'the body is empty')
  if (!isJson(properties.contentType))
    return unreadable('body.content_type', 'the content type is not application/json')
  if (!isUtf8(properties.contentEncoding))
    return unreadable('body.encoding', 'the content encoding is not utf-8')
  const text = decode(content)
  if (text === undefined) return unreadable('body.not_utf8', 'the body is not valid UTF-8')
  const data = parse(text)
  if (data === undefined) return unreadable('body.not_json', 'the body is not JSON')
  if (!isObject(data)) return unreadable('body.not_an_object', 'the body is not a JSON object')
  const flaw = flawOf(data)
  return flaw === undefined ? { ok: true, data } : flaw
}

// A sender that says nothing about the content means JSON: that is what these queues carry.
const isJson = (type: unknown) =>
  type === undefined ||
  (typeof type === 'string' && /^application\/json\s*(;\s*charset="?utf-?8"?\s*)?$/i.test(type))
const isUtf8 = (encoding: unknown) =>
  encoding === undefined || (typeof encoding === 'string' && /^(utf-?8)?$/i.test(encoding))

const decode = (content: Buffer): string | undefined => {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content)
  } catch {
    return undefined
  }
}

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

// Without recursion: the depth is the sender's choice.
const flawOf = (data: Record<string, unknown>): Unreadable | undefined => {
  const rest: { value: unknown; depth: number }[] = [{ value: data, depth: 1 }]
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    const { value, depth } = next
    if (typeof value === 'string' && !storable(value)) {
      return unreadable('body.text', 'a text holds a NUL or half a surrogate pair')
    }
    if (typeof value !== 'object' || value === null) continue
    if (depth > maxDepth) return unreadable('body.too_deep', `the body nests deeper than ${maxDepth}`)
    for (const [key, inner] of Object.entries(value)) {
      rest.push({ value: key, depth }, { value: inner, depth: depth + 1 })
    }
  }
  return undefined
}

import type { IncomingMessage } from 'node:http'
import type Koa from 'koa'
import type { Log } from '../log/index.ts'

/** What the steps of one request share. */
export interface State {
  id: string
  traceparent: string
  log: Log
  /** The template of the matched route, for logs and measurements. */
  route: string
}

/** Requests that wait to be told to send their body, and those that expect what nobody here can do. */
export interface Expectations {
  continue: WeakSet<IncomingMessage>
  unknown: WeakSet<IncomingMessage>
}

export type Step = Koa.Middleware<State>
export type Context = Koa.ParameterizedContext<State>

import { DatabaseSetupExporter, initializePollingMessageListener } from 'pg-transactional-outbox'
import { type Peer, workOf } from './peer.ts'
import {
  clientConfig,
  common,
  handler,
  logger,
  runScript,
  settings,
  setupConfig,
} from './pg-transactional-outbox.ts'

const nextMessages = 'next_outbox_messages'

const peer: Peer = {
  ...common,
  setUp: (url) =>
    runScript(
      url,
      DatabaseSetupExporter.createPollingScript(
        { ...setupConfig(url), nextMessagesName: nextMessages },
        true,
      ),
    ),
  start: async (url, publish) => {
    const config = {
      outboxOrInbox: 'outbox' as const,
      dbListenerConfig: clientConfig(url),
      settings: {
        ...settings,
        // Larger than its default of 5, which publishes fewer still.
        nextMessagesBatchSize: 20,
        nextMessagesFunctionName: nextMessages,
        nextMessagesPollingIntervalInMs: 250,
      },
    }
    const [stop] = initializePollingMessageListener(config, handler(publish), logger)
    return stop
  },
}

export const { drain, deliver } = workOf(peer)

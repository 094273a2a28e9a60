/**
 * The servers that tests use. The test runner finds or starts them and names them here; a test file that is run by hand
 * takes what answers on the default ports. Tests make their own databases and broker names on them, and remove them.
 */
export function testServers(): { postgresUrl: string; amqpUrl: string } {
  return {
    postgresUrl: process.env.TEST_POSTGRES_URL ?? 'postgres://postgres@127.0.0.1:5432/postgres',
    amqpUrl: process.env.TEST_AMQP_URL ?? 'amqp://guest:guest@127.0.0.1:5672',
  }
}

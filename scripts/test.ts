import {
  commandWithExamples,
  exitCodes,
  findServers,
  type InfraFlag,
  infraOption,
  projectRoot,
  runCommand,
} from './infra/index.ts'
import { findTestFiles, runTests, sweep } from './test-runner/index.ts'

const command = commandWithExamples('npm test --', 'Runs the tests, each file as a program of its own.', [
  'npm test',
  'npm test -- shared/outbox test/races.test.ts',
  'npm run proofs',
])
  .argument('[paths...]', 'only files whose path contains one of these')
  .option('--proofs', 'run the longer ones instead: files named *.proof.test.ts')
  .addOption(infraOption())
  .action(async (paths: string[], { infra, proofs }: InfraFlag & { proofs?: boolean }) => {
    const files = await findTestFiles(projectRoot, paths, proofs ? 'proofs' : 'tests')
    if (files.length === 0)
      command.error(`there is no ${proofs ? 'proof' : 'test'} file named like ${paths.join(', ')}`)
    const interrupted = new AbortController()
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interrupted.abort())
    // Another place than that of `npm start`: tests stop and break what is theirs.
    const log = (line: string): void => console.error(line)
    const servers = await findServers({ force: infra, log, place: 'test' })
    try {
      await sweep(servers, log)
      const { postgresUrl, amqpUrl } = servers
      const env = { ...process.env, TEST_POSTGRES_URL: postgresUrl, TEST_AMQP_URL: amqpUrl }
      const fine = await runTests(files, {
        root: projectRoot,
        env,
        print: console.log,
        signal: interrupted.signal,
      })
      process.exitCode = fine ? exitCodes.ok : exitCodes.failed
    } finally {
      await servers.stop()
    }
    if (interrupted.signal.aborted) process.exitCode = exitCodes.interrupted
  })

await runCommand(command)

// Who may import whom (docs/architecture.md). Every rule says its reason; scripts/check/room-rules.test.ts shows that each one fires.

const tests = '\\.test\\.ts$|/testing\\.ts$|/testing/'
const doors =
  '^shared/[^/]+/index\\.ts$|^shared/database/migrations/index\\.ts$|^shared/[^/]+/testing(\\.ts|/index\\.ts)$'

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'What imports each other can only be read, tested and moved together.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'imports-exist',
      comment: 'An import that resolves to nothing fails only when it is reached.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'shared-is-below',
      comment:
        'shared/ is copied into other systems, so it knows nothing of this one: no service, script or generated client.',
      severity: 'error',
      from: { path: '^shared/', pathNot: '\\.test\\.ts$' },
      to: { path: '^(services|scripts|generated|test)/' },
    },
    {
      name: 'shared-tests-stay-below',
      comment:
        'A test in shared/ may borrow a generated client, but no service and no script: it would test them.',
      severity: 'error',
      from: { path: '^shared/.*\\.test\\.ts$' },
      to: { path: '^(services|scripts|test)/' },
    },
    {
      name: 'services-are-strangers',
      comment: 'A service knows the others by their events only, or it could not be deployed apart.',
      severity: 'error',
      from: { path: '^services/([^/]+)/' },
      to: { path: '^services/', pathNot: '^services/$1/' },
    },
    {
      name: 'services-need-no-scripts',
      comment: 'A service runs without the scripts that start and look after it.',
      severity: 'error',
      from: { path: '^services/' },
      to: { path: '^(scripts|test)/' },
    },
    {
      name: 'outbox-knows-no-broker',
      comment:
        'The outbox states the transport that it needs, so that it can be copied alone and tested without a broker.',
      severity: 'error',
      from: { path: '^shared/outbox/' },
      to: { path: '^shared/(messaging|rpc)/|node_modules/(@types/)?amqplib/' },
    },
    {
      name: 'outbox-stands-alone',
      comment: 'shared/outbox can be copied alone into another project: it imports no other room.',
      severity: 'error',
      from: { path: '^shared/outbox/', pathNot: tests },
      to: { path: '^(shared|services|scripts|generated)/', pathNot: '^shared/outbox/' },
    },
    {
      name: 'amqplib-behind-messaging',
      comment:
        "amqplib's pitfalls (lost confirms, dead channels) are handled in one place, and must not be met again elsewhere.",
      severity: 'error',
      // The bench holds our messaging against the library alone, so that it has to know the library.
      from: { pathNot: `^shared/(messaging|rpc)/|${tests}|^test/|^scripts/bench/` },
      to: { path: 'node_modules/(@types/)?amqplib/' },
    },
    {
      name: 'koa-behind-http',
      comment:
        'Limits, error answers and time-outs hold for every route only if every route goes through the http rooms.',
      severity: 'error',
      from: { pathNot: `^shared/http/|^services/[^/]+/http\\.ts$|^scripts/bench/http/|${tests}` },
      to: { path: 'node_modules/(@types/)?(koa|@koa/router)/' },
    },
    {
      name: 'generated-client-behind-store',
      comment:
        "Only store.ts and database.ts know the generated client; decisions and routes don't depend on the database.",
      severity: 'error',
      from: { pathNot: `^services/[^/]+/(store|database)\\.ts$|^generated/|${tests}|^test/` },
      to: { path: '^generated/' },
    },
    {
      name: 'own-generated-client',
      comment: "A service never touches another one's database.",
      severity: 'error',
      from: { path: '^services/([^/]+)/' },
      to: { path: '^generated/', pathNot: '^generated/$1/' },
    },
    {
      name: 'domain-is-pure',
      comment:
        'Decisions are functions of state and event: contracts, failure and the types of the saga are all they need.',
      severity: 'error',
      from: { path: '^services/[^/]+/domain\\.ts$' },
      to: { pathNot: '^shared/(contracts|failure|saga)/index\\.ts$' },
    },
    {
      name: 'domain-runs-no-saga',
      comment: 'A decision names the types of the saga room and runs nothing of it.',
      severity: 'error',
      from: { path: '^services/[^/]+/domain\\.ts$' },
      to: { path: '^shared/saga/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'testing-only-in-tests',
      comment: 'What helps tests is no part of what runs in production.',
      severity: 'error',
      from: { path: '^(services|shared)/', pathNot: tests },
      to: { path: '^shared/testing/|^shared/[^/]+/testing(\\.ts$|/)' },
    },
    {
      name: 'rooms-by-their-door',
      comment:
        'A room is entered by its index.ts, so that what is behind it can change. (database/migrations has a door of its own.)',
      severity: 'error',
      from: { path: '^(services|scripts|test)/' },
      to: { path: '^shared/', pathNot: doors },
    },
    {
      name: 'rooms-by-their-door-inside-shared',
      comment: 'The same between the rooms of shared/.',
      severity: 'error',
      from: { path: '^shared/([^/]+)/' },
      to: { path: '^shared/', pathNot: `^shared/$1/|${doors}` },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules|^generated/' },
    // Its packages are installed on demand only, beside the project.
    exclude: { path: '^scripts/bench/peers/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.mjs', '.cjs', '.json'],
    },
  },
}

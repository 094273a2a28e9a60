import { ensureClients } from './infra/clients.ts'

await ensureClients((line) => console.error(line))

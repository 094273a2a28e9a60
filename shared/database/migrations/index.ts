export { type Migration, readMigrations } from './files.ts'
export { type Migrated, migrateDatabase } from './migrate.ts'
export { databaseOf, ensureDatabase, withClient } from './server.ts'

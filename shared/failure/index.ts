export * from './database-errors.ts'
export * from './failure.ts'
export * from './retry.ts'

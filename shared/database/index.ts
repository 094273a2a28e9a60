export * from './numbers.ts'
export * from './open.ts'
export * from './sql.ts'

export * from './lock-names.ts'
export * from './numbers.ts'
export * from './open.ts'
export * from './sql.ts'

export * from './faults.ts'
export * from './resources.ts'
export * from './run.ts'

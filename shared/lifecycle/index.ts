export * from './faults.ts'
export * from './heap.ts'
export * from './resources.ts'
export * from './run.ts'

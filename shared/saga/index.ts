export * from './diagram.ts'
export * from './graph.ts'
export * from './table.ts'

export * from './commands.ts'
export * from './events.ts'
export * from './procedures.ts'
export * from './values.ts'

export * from './log.ts'
export * from './safe-text.ts'

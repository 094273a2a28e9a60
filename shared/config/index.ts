export * from './environment.ts'
export * from './pieces.ts'
export * from './read-config.ts'
export * from './settings.ts'

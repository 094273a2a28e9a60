export { type AuditOptions, type AuditReport, audit } from './audit.ts'
export { type Code, catalogue, codes, type Invariant, invariants } from './catalogue.ts'
export type { Finding } from './finding.ts'

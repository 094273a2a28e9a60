import { auditPage } from './document.ts'

process.stdout.write(auditPage())

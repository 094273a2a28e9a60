import { runRelay } from '../../shared/service/index.ts'
import { user } from './service.ts'

await runRelay(user)

import { runRelay } from '../../shared/service/index.ts'
import { order } from './service.ts'

await runRelay(order)

import { runService } from '../../shared/service/index.ts'
import { order } from './service.ts'

await runService(order)

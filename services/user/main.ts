import { runService } from '../../shared/service/index.ts'
import { user } from './service.ts'

await runService(user)

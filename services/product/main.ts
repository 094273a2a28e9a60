import { runService } from '../../shared/service/index.ts'
import { product } from './service.ts'

await runService(product)

import { runRelay } from '../../shared/service/index.ts'
import { product } from './service.ts'

await runRelay(product)

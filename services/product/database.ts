import { PrismaClient } from '../../generated/product/client.ts'
import { type DatabaseOptions, openDatabase } from '../../shared/database/index.ts'

export const openProductDatabase = (options: DatabaseOptions) =>
  openDatabase((adapter) => new PrismaClient({ adapter }), { ...options, ownTable: 'products' })
export type ProductDatabase = ReturnType<typeof openProductDatabase>

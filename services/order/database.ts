import { PrismaClient } from '../../generated/order/client.ts'
import { type DatabaseOptions, openDatabase } from '../../shared/database/index.ts'

export const openOrderDatabase = (options: DatabaseOptions) =>
  openDatabase((adapter) => new PrismaClient({ adapter }), { ...options, ownTable: 'orders' })
export type OrderDatabase = ReturnType<typeof openOrderDatabase>

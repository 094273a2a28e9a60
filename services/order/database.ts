import { type Prisma, PrismaClient } from '../../generated/order/client.ts'
import { type DatabaseOptions, openDatabase } from '../../shared/database/index.ts'

export type Transaction = Prisma.TransactionClient

export const openOrderDatabase = (options: DatabaseOptions) =>
  openDatabase<PrismaClient, Transaction>((adapter) => new PrismaClient({ adapter }), options)
export type OrderDatabase = ReturnType<typeof openOrderDatabase>

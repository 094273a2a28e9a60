import { type Prisma, PrismaClient } from '../../generated/product/client.ts'
import { type DatabaseOptions, openDatabase } from '../../shared/database/index.ts'

export type Transaction = Prisma.TransactionClient

export const openProductDatabase = (options: DatabaseOptions) =>
  openDatabase<PrismaClient, Transaction>((adapter) => new PrismaClient({ adapter }), options)
export type ProductDatabase = ReturnType<typeof openProductDatabase>

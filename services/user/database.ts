import { type Prisma, PrismaClient } from '../../generated/user/client.ts'
import { type DatabaseOptions, openDatabase } from '../../shared/database/index.ts'

export type Transaction = Prisma.TransactionClient

export const openUserDatabase = (options: DatabaseOptions) =>
  openDatabase<PrismaClient, Transaction>((adapter) => new PrismaClient({ adapter }), options)
export type UserDatabase = ReturnType<typeof openUserDatabase>

import { PrismaClient } from '../../generated/user/client.ts'
import { type DatabaseOptions, openDatabase } from '../../shared/database/index.ts'

export const openUserDatabase = (options: DatabaseOptions) =>
  openDatabase((adapter) => new PrismaClient({ adapter }), { ...options, ownTable: 'users' })
export type UserDatabase = ReturnType<typeof openUserDatabase>

import type { Manifest } from '../../shared/service/index.ts'
import { choreography } from './choreography.ts'
import { openUserDatabase, type UserDatabase } from './database.ts'
import type { BalanceState } from './domain.ts'
import { userRoutes } from './http.ts'
import { userCommands, userProcedures } from './procedures.ts'
import type { BalanceWorld } from './store.ts'

/** The user service: what it reacts to, where it keeps it, what it serves. */
export const user: Manifest<UserDatabase['client'], BalanceWorld, BalanceState> = {
  name: 'user',
  choreography,
  openDatabase: openUserDatabase,
  assemble: ({ database, askSilently }) => ({
    routes: userRoutes(database),
    procedures: userProcedures({ askSilently, sql: database.client }),
    commands: userCommands(database),
  }),
}

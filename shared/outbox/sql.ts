/** The narrowest view of a Prisma client or transaction: raw SQL with parameters. Both satisfy it as they are. */
export interface Sql {
  $queryRawUnsafe<Rows = unknown>(sql: string, ...values: unknown[]): Promise<Rows>
  $executeRawUnsafe(sql: string, ...values: unknown[]): Promise<number>
}

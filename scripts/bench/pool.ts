import pg from 'pg'

/** A pool is ended before its connections are: what the server says to one of them after that is nobody's business. */
export const openPool = (connectionString: string, max: number): pg.Pool => {
  const pool = new pg.Pool({ connectionString, max })
  pool.on('error', () => {})
  return pool
}

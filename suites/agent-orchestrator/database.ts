import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sqlite from 'node-sqlite3-wasm'
import type { Daemon } from './daemon.ts'

/**
 * What AO's database has, by a query that only reads. Its daemon must have stopped: what runs has its last changes in a file
 * beside the database, which a copy does not have.
 * @throws Error when there is no database, when it is still written, or with SQLite's own words
 */
export function queryDatabase({ root, data }: Pick<Daemon, 'root' | 'data'>, query: string): Readonly<Record<string, unknown>>[] {
  const [file, copy] = [join(data, 'ao.db'), join(root, 'seen.db')]
  if (!existsSync(file)) throw new Error(`${file} is not there`)
  const unwritten = statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0
  if (unwritten > 0) throw new Error(`${file}-wal has ${unwritten} bytes that are not in ${file}: is its daemon still there?`)
  // Bytes 18 and 19 of the header: 2 is written ahead, which SQLite without shared memory cannot open. https://www.sqlite.org/fileformat.html
  const bytes = readFileSync(file)
  bytes.subarray(18, 20).fill(1)
  writeFileSync(copy, bytes)
  try {
    const database = new sqlite.Database(copy, { readOnly: true, fileMustExist: true })
    try {
      return database.all(query)
    } finally {
      database.close()
    }
  } finally {
    rmSync(copy, { force: true })
  }
}

/** The number of the newest migration of AO's database; 0 where it keeps none. Throws as `queryDatabase` does. */
export function schemaOf(daemon: Pick<Daemon, 'root' | 'data'>): number {
  if (queryDatabase(daemon, "select name from sqlite_schema where name = 'goose_db_version'").length === 0) return 0
  const [row] = queryDatabase(daemon, 'select max(version_id) as version from goose_db_version')
  return typeof row?.version === 'number' ? row.version : 0
}

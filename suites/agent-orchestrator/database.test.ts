import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sqlite from 'node-sqlite3-wasm'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { queryDatabase, schemaOf } from './database.ts'

let root: string
let data: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'database-'))
  mkdirSync(data = join(root, 'data'))
})
afterEach(() => { rmSync(root, { recursive: true }) })

function make(...statements: readonly string[]): string {
  const file = join(data, 'ao.db')
  const database = new sqlite.Database(file)
  for (const statement of statements) database.exec(statement)
  database.close()
  return file
}

test('a database that is written ahead is read, and is not touched', () => {
  const file = make('CREATE TABLE goose_db_version (version_id INTEGER)', 'INSERT INTO goose_db_version VALUES (0), (19), (7)')
  const bytes = readFileSync(file).fill(2, 18, 20)
  writeFileSync(file, bytes)
  expect(schemaOf({ root, data })).toBe(19)
  expect(queryDatabase({ root, data }, 'select count(*) as count from goose_db_version')).toEqual([{ count: 3 }])
  expect(readFileSync(file).equals(bytes)).toBe(true)
  expect(readdirSync(root)).toEqual(['data'])
  expect(readdirSync(data)).toEqual(['ao.db'])
})

test('a database without migrations has schema 0', () => {
  make('CREATE TABLE other (id INTEGER)')
  expect(schemaOf({ root, data })).toBe(0)
})

test.each([
  { what: 'no database', prepare: () => undefined, says: /ao\.db is not there/ },
  { what: 'one that is being written', prepare: () => { writeFileSync(`${make('CREATE TABLE other (id INTEGER)')}-wal`, 'x') }, says: /ao\.db-wal has 1 bytes .*: is its daemon still there\?/ },
  { what: 'no table of that name', prepare: () => { make() }, says: /no such table: change_log/ },
  { what: 'something else', prepare: () => { writeFileSync(join(data, 'ao.db'), 'x'.repeat(5000)) }, says: /not a database/ },
])('$what is said', ({ prepare, says }) => {
  prepare()
  expect(() => queryDatabase({ root, data }, 'select * from change_log')).toThrow(says)
  expect(readdirSync(root)).toEqual(['data'])
})

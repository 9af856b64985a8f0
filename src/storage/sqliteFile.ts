import { mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { RecordedChange } from './keySpace.ts'
import { StoreError, firstRevision, type Revision } from './store.ts'

/*
 * What the database file looks like, and what its errors mean.
 *
 *     change   revision  key     created  bytes  time           lease      one row for each revision that is kept
 *              2         /pods/a 2        3072   1767225600000
 *              3         /pods/b 3        2995   1767225600012  lease-…
 *              4         /pods/a 2        -1     1767225600100             -1: deleted
 *     value    revision  value                                             one row for each that is not a deletion
 *     state    compacted                                                   one row
 *
 * Values stand apart so that opening a store reads keys and numbers only. Both tables grow at their end.
 */

const schema = `
  create table change (
    revision integer primary key,
    key text not null,
    created integer not null,
    bytes integer not null,
    time integer not null,
    lease text
  );
  create table value (revision integer primary key, value blob not null);
  create table state (compacted integer not null);
  insert into state values (${firstRevision});
`

/** 'k8ts' in ASCII; tells our files from other databases. */
const applicationId = 0x6b387473
/** Of the schema. A file with another one is refused. */
const formatVersion = 1

export const databaseName = 'store.db'

/** Takes the store in `directory` for this process, creating the directory if needed; the lock ends with the process. */
export function lockDirectory(directory: string): DatabaseSync {
  return explained(`Cannot open the store in "${directory}"`, () => {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    const lock = new DatabaseSync(join(directory, 'store.lock'), { timeout: 0 })
    try {
      lock.exec('pragma locking_mode = exclusive; begin exclusive')
    } catch (error) {
      lock.close()
      if (primaryCode(error) !== sqliteBusy) throw error
      throw new StoreError('locked', `Cannot open the store in "${directory}": another process has it open`)
    }
    return lock
  })
}

/** The bytes of the database of a directory and of its log; 0 before there is one. */
export function storedBytes(directory: string): number {
  const path = join(directory, databaseName)
  return [path, `${path}-wal`].reduce((sum, file) => sum + (statSync(file, { throwIfNoEntry: false })?.size ?? 0), 0)
}

/** Opens the database, which is created if it is not there, for reading. The caller has the directory locked. */
export function openDatabase(directory: string): DatabaseSync {
  const path = join(directory, databaseName)
  return explained(`Cannot open the store "${path}"`, () => {
    const database = new DatabaseSync(path, { timeout: 5_000 })
    try {
      prepareDatabase(database, path)
    } catch (error) {
      database.close()
      throw error
    }
    return database
  })
}

function prepareDatabase(database: DatabaseSync, path: string): void {
  const number = (sql: string): number => Object.values(database.prepare(sql).get() ?? {})[0] as number
  database.exec('pragma synchronous = full; pragma wal_autocheckpoint = 0')
  if (number('select count(*) from sqlite_schema') === 0 && number('pragma application_id') === 0) {
    database.exec('pragma journal_mode = wal')
    database.exec(`begin immediate; ${schema}
      pragma application_id = ${applicationId}; pragma user_version = ${formatVersion}; commit`)
  }
  if (number('pragma application_id') !== applicationId) {
    throw new StoreError('failed', `Cannot open the store "${path}": it is another kind of database`)
  }
  const version = number('pragma user_version')
  if (version !== formatVersion) {
    throw new StoreError(
      'failed',
      `Cannot open the store "${path}": it has format ${version}, this program knows ${formatVersion}`,
    )
  }
}

export function readCompacted(database: DatabaseSync): Revision {
  return (database.prepare('select compacted from state').get() as { compacted: number }).compacted
}

/** All records, in order of revision. */
export function* readChanges(database: DatabaseSync): Generator<RecordedChange, void, undefined> {
  const statement = database.prepare('select revision, key, created, bytes, time, lease from change order by revision')
  statement.setReturnArrays(true)
  // The typings know of rows as objects only.
  const rows = statement.iterate() as unknown as Iterable<[number, string, number, number, number, string | null]>
  for (const [revision, key, created, bytes, time, lease] of rows) {
    yield lease === null ? { revision, key, created, bytes, time } : { revision, key, created, bytes, time, lease }
  }
}

const sqliteBusy = 5
const sqliteFull = 13

/** An error of SQLite without its extension (SQLITE_IOERR_FSYNC is one of SQLITE_IOERR); undefined for others. */
function primaryCode(error: unknown): number | undefined {
  const code = (error as { errcode?: unknown }).errcode
  return typeof code === 'number' ? code & 0xff : undefined
}

/** Says what an error of SQLite or of the file system means for the store; other errors stay as they are. */
export function explain(action: string, error: unknown): unknown {
  if (error instanceof StoreError || !(error instanceof Error)) return error
  const code = primaryCode(error)
  const cause = { cause: error }
  if (code === sqliteFull || hasCode(error, 'ENOSPC') || hasCode(error, 'EDQUOT')) {
    return new StoreError('full', `${action}: no space left (${error.message})`, cause)
  }
  if (code === sqliteBusy) {
    return new StoreError('unavailable', `${action}: another program has locked the database`, cause)
  }
  if (code !== undefined) return new StoreError('failed', `${action}: ${error.message}`, cause)
  if ('syscall' in error) return new StoreError('failed', `${action}: ${error.message}`, cause)
  return error
}

export function explained<T>(action: string, run: () => T): T {
  try {
    return run()
  } catch (error) {
    throw explain(action, error)
  }
}

function hasCode(error: Error, code: string): boolean {
  return (error as NodeJS.ErrnoException).code === code
}

import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { systemClock } from '#lib/clock.ts'
import { databaseName, explain } from './sqliteFile.ts'
import { fieldsPerChange, type Failure, type FromWriter, type PackedChanges } from './sqliteMessages.ts'
import type { ToWriter, WorkerSettings } from './sqliteMessages.ts'
import { StoreError, type Revision } from './store.ts'

/*
 * The thread that writes. All groups that have arrived while a sync was going on make up the next transaction, so the
 * more commits there are, the more of them share one sync.
 *
 * Nothing else is done while commits wait: removing compacted records goes on between them in small pieces, and the
 * write-ahead log is carried into the database in an idle moment. When there is none, a second thread carries it while this
 * one goes on writing, and this one does the small rest, after which SQLite begins the log anew.
 */

const changesPerTransaction = 2_000
const removalsPerTransaction = 250
const idleMilliseconds = 100
/** An idle checkpoint is worth its syncs from here on. */
const idleCheckpointBytes = 1024 * 1024
/** From here on the log is carried over even under load. */
const busyCheckpointBytes = 24 * 1024 * 1024
const pageBytes = 4096

const port = parentPort!
const settings = workerData as WorkerSettings
const database = new DatabaseSync(join(settings.directory, databaseName), { timeout: 5_000 })
database.exec('pragma synchronous = full; pragma wal_autocheckpoint = 0')

if (settings.role === 'writer') runWriter()
else runCheckpointer()

/** Carries over what is in the log each time it is asked to. */
function runCheckpointer(): void {
  port.on('message', () => {
    try {
      database.exec('pragma wal_checkpoint(passive)')
    } catch (error) {
      // The log keeps everything; the next attempt may find space. A broken disk is found by the writer.
      if (!(explain('', error) instanceof StoreError)) throw error
    }
    port.postMessage('done')
  })
}

function runWriter(): void {
  if (settings.maximumBytes !== undefined) {
    database.exec(`pragma max_page_count = ${Math.max(1, Math.floor(settings.maximumBytes / pageBytes))}`)
  }
  const insertChange = database.prepare('insert into change values (?, ?, ?, ?, ?, ?)')
  const insertValue = database.prepare('insert into value values (?, ?)')
  const removeChanges = database.prepare('delete from change where revision in (select value from json_each(?))')
  const removeValues = database.prepare('delete from value where revision in (select value from json_each(?))')
  const setCompacted = database.prepare('update state set compacted = ?')

  let newest = readNewest()
  let broken: Failure | undefined
  const removals: { compacted: Revision; revisions: readonly Revision[]; done: number }[] = []
  /** Bytes in the log that are not yet in the database, about. */
  let logBytes = 0
  let checkpointAsked = false
  let idle: Disposable | undefined
  let closing = false
  let removing = false

  port.on('message', (first: ToWriter) => {
    const groups: PackedChanges[] = []
    let changes = 0
    for (let message: ToWriter | undefined = first; message !== undefined; message = received()) {
      if (message.do === 'append') {
        groups.push(message)
        changes += message.fields.length / fieldsPerChange
        if (changes >= changesPerTransaction) break
      } else if (message.do === 'remove') removals.push({ ...message, done: 0 })
      else if (message.do === 'finishCheckpoint') {
        checkpointAsked = false
        checkpoint()
      } else closing = true
    }
    if (groups.length > 0) append(groups)
    if (closing) return close()
    if (removals.length > 0) removeLater()
    if (logBytes >= busyCheckpointBytes && !checkpointAsked) {
      checkpointAsked = true
      send({ is: 'checkpointDue' })
    }
    idle?.[Symbol.dispose]()
    idle = systemClock.after(idleMilliseconds, () => {
      idle = undefined
      if (logBytes >= idleCheckpointBytes && removals.length === 0) checkpoint()
    })
  })
  send({ is: 'ready' })

  function append(groups: readonly PackedChanges[]): void {
    const failure =
      broken ??
      transact('Cannot write to the store', () => {
        let revision = newest
        for (const { fields, values } of groups) {
          let at = 0
          for (let index = 0; index < fields.length; index += fieldsPerChange) {
            revision++
            const created = fields[index + 1] === 0 ? revision : fields[index + 1]!
            const size = fields[index + 2] as number
            insertChange.run(revision, fields[index]!, created, size, fields[index + 3]!, fields[index + 4]!)
            if (size < 0) continue
            insertValue.run(revision, values.subarray(at, at + size))
            at += size
            logBytes += Math.ceil((size + 64) / pageBytes) * pageBytes
          }
        }
        logBytes += 2 * pageBytes
        // Under load there is no other time for it; twice as many, so that removal catches up.
        const removed = removePiece(2 * (revision - newest))
        return () => {
          newest = revision
          removed()
        }
      })
    send({ is: 'appended', groups: groups.length, ...(failure !== undefined && { failure }) })
  }

  /** Runs `change` in a transaction and, once that is durable, what it returns. */
  function transact(action: string, change: () => () => void): Failure | undefined {
    try {
      database.exec('begin immediate')
      const then = change()
      database.exec('commit')
      then()
      return undefined
    } catch (error) {
      return recover(action, error)
    }
  }

  /** After an error of the disk nobody can say what it holds, so only a new start may write again. */
  function recover(action: string, error: unknown): Failure {
    const explained = explain(action, error)
    if (!(explained instanceof StoreError)) throw explained
    let failure: Failure = { reason: explained.reason, message: explained.message }
    try {
      if (database.isTransaction) database.exec('rollback')
    } catch (rollbackError) {
      failure = { reason: 'failed', message: `${action}: ${(rollbackError as Error).message}` }
    }
    if (failure.reason === 'failed') broken = failure
    return failure
  }

  /** Removes a piece in a turn of its own, after the commits that have arrived meanwhile. */
  function removeLater(): void {
    if (removing) return
    removing = true
    setImmediate(() => {
      removing = false
      if (closing || broken !== undefined || removals.length === 0) return
      const failure = transact('Cannot remove compacted records', () => removePiece(removalsPerTransaction))
      // After a failure it is tried again when the next message comes, or at the next opening.
      if (failure === undefined) removeLater()
    })
  }

  /** Removes some compacted records within a transaction; returns what to do once that is durable. */
  function removePiece(limit: number): () => void {
    const removal = removals[0]
    if (removal === undefined) return () => {}
    const revisions = removal.revisions.slice(removal.done, removal.done + limit)
    const list = JSON.stringify(revisions)
    setCompacted.run(removal.compacted)
    removeChanges.run(list)
    removeValues.run(list)
    logBytes += Math.ceil(revisions.length / 8) * pageBytes
    return () => {
      removal.done += revisions.length
      if (removal.done >= removal.revisions.length) removals.shift()
    }
  }

  function checkpoint(): void {
    if (broken !== undefined) return
    try {
      const state = database.prepare('pragma wal_checkpoint(passive)').get() as { log: number; checkpointed: number }
      logBytes = (state.log - state.checkpointed) * pageBytes
    } catch (error) {
      recover('Cannot carry the log into the database', error)
    }
  }

  function close(): void {
    idle?.[Symbol.dispose]()
    const last = removals.at(-1)
    if (last !== undefined && broken === undefined) {
      // The rest is removed when the store is opened again.
      transact('Cannot record the compaction', () => {
        setCompacted.run(last.compacted)
        return () => {}
      })
    }
    try {
      database.close()
    } catch (error) {
      recover('Cannot close the store', error)
    }
    send(broken === undefined ? { is: 'closed' } : { is: 'broken', failure: broken })
    port.close()
  }
}

function readNewest(): Revision {
  const row = database
    .prepare('select max((select compacted from state), coalesce((select max(revision) from change), 0)) as newest')
    .get() as { newest: number }
  return row.newest
}

function received(): ToWriter | undefined {
  return (receiveMessageOnPort(port) as { message: ToWriter } | undefined)?.message
}

function send(message: FromWriter): void {
  port.postMessage(message)
}

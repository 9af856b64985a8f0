import type { DatabaseSync } from 'node:sqlite'
import { Worker } from 'node:worker_threads'
import { systemClock, type Clock } from '#lib/clock.ts'
import { EmbeddedStore, type Medium, type StoredChange } from './embedded.ts'
import { defaultHistoryBudget, type HistoryBudget } from './history.ts'
import { explained, lockDirectory, openDatabase, readChanges, readCompacted } from './sqliteFile.ts'
import { packChanges, type FromWriter, type ToWriter, type WorkerSettings } from './sqliteMessages.ts'
import { StoreError, type Revision, type Store } from './store.ts'

export interface SqliteStoreOptions {
  /** Holds the database; created if it is not there. One process at a time can have it open. */
  readonly directory: string
  readonly clock?: Clock
  readonly history?: Partial<HistoryBudget>
  /** The size in bytes beyond which the database does not grow; writes are refused with reason `full` then. */
  readonly maximumBytes?: number
  /** The program of the writing thread. By default it stands beside this file: source beside source, bundle beside bundle. */
  readonly worker?: URL
}

/** A store in a directory. What it acknowledges is on the disk. */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const { directory } = options
  const lock = lockDirectory(directory)
  let medium: SqliteMedium | undefined
  let store: Store | undefined
  try {
    // The database is made before the writer opens it; the writer's thread starts while the index is read.
    const database = openDatabase(directory)
    medium = new SqliteMedium(lock, database, {
      worker: options.worker ?? workerBeside(import.meta.url),
      settings: {
        role: 'writer',
        directory,
        ...(options.maximumBytes !== undefined && { maximumBytes: options.maximumBytes }),
      },
    })
    const action = `Cannot open the store in "${directory}"`
    const budget = { ...defaultHistoryBudget, ...options.history }
    const clock = options.clock ?? systemClock
    const opened = medium
    store = explained(action, () => {
      return new EmbeddedStore(opened, { clock, budget }, readChanges(database), readCompacted(database))
    })
    await medium.ready
    return store
  } catch (error) {
    if (store !== undefined) await store[Symbol.asyncDispose]()
    else if (medium !== undefined) await medium.close()
    else lock.close()
    throw error
  }
}

/** The worker of a source file is a source file, that of a bundle is a bundle. */
function workerBeside(module: string): URL {
  return new URL(module.endsWith('.ts') ? './sqliteWorker.ts' : './sqliteWorker.js', module)
}

interface MediumSettings {
  readonly worker: URL
  readonly settings: WorkerSettings
}

/** A second thread for checkpoints goes away when it was not needed for so long. */
const checkpointerIdleMilliseconds = 10_000

/** Threads that only move bytes need little room. */
const resourceLimits = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 8 }

/** The database: written by a thread of its own, read here. */
class SqliteMedium implements Medium {
  /** Resolves when the writer has the database open. */
  readonly ready: Promise<void>
  readonly #lock: DatabaseSync
  readonly #database: DatabaseSync
  readonly #readValue: ReturnType<DatabaseSync['prepare']>
  readonly #settings: MediumSettings
  readonly #writer: Worker
  readonly #exited: Promise<void>
  /** The appends that the writer has not answered, in order. */
  readonly #pending: ((error?: StoreError) => void)[] = []
  #failure: StoreError | undefined
  #closing = false
  #checkpointer: Worker | undefined
  #checkpointerIdle: Disposable | undefined

  constructor(lock: DatabaseSync, database: DatabaseSync, settings: MediumSettings) {
    this.#lock = lock
    this.#database = database
    this.#readValue = database.prepare('select value from value where revision = ?')
    this.#settings = settings
    const ready = Promise.withResolvers<void>()
    const exited = Promise.withResolvers<void>()
    this.ready = ready.promise
    this.#exited = exited.promise
    // Opening awaits it; until then a failure must not count as unhandled.
    this.ready.catch(() => {})
    this.#writer = this.#startWorker('writer')
    this.#writer.on('message', (message: FromWriter) => {
      if (message.is === 'ready') ready.resolve()
      else this.#receive(message)
    })
    this.#writer.on('error', (error: Error) => {
      this.#fail(`The thread that writes the store failed: ${error.message}`, error)
    })
    this.#writer.on('exit', () => {
      if (!this.#closing) this.#fail('The thread that writes the store ended')
      if (this.#failure !== undefined) ready.reject(this.#failure)
      exited.resolve()
    })
  }

  append(changes: readonly StoredChange[], done: (error?: StoreError) => void): void {
    if (this.#failure !== undefined) return done(this.#failure)
    const packed = packChanges(changes)
    this.#pending.push(done)
    this.#tell({ do: 'append', ...packed }, [packed.values.buffer])
  }

  read(revision: Revision): Buffer {
    const row = explained('Cannot read the store', () => this.#readValue.get(revision))
    const value = row?.['value'] as Uint8Array | undefined
    if (value === undefined) {
      throw new StoreError('failed', `Cannot read the store: the value of revision ${revision} is missing`)
    }
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  }

  remove(compacted: Revision, revisions: readonly Revision[]): void {
    if (this.#failure === undefined) this.#tell({ do: 'remove', compacted, revisions })
  }

  gather(run: () => void): void {
    setImmediate(run)
  }

  pause(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve))
  }

  async close(): Promise<void> {
    this.#closing = true
    this.#checkpointerIdle?.[Symbol.dispose]()
    await this.#checkpointer?.terminate()
    // The writer is the last one to close the database and so the one that empties the log into it.
    this.#database.close()
    this.#tell({ do: 'close' })
    await this.#exited
    this.#lock.close()
  }

  #tell(message: ToWriter, transfer: ArrayBuffer[] = []): void {
    this.#writer.postMessage(message, transfer)
  }

  #receive(message: FromWriter): void {
    switch (message.is) {
      case 'appended': {
        const error = message.failure && new StoreError(message.failure.reason, message.failure.message)
        if (error?.reason === 'failed') this.#failure = error
        for (const done of this.#pending.splice(0, message.groups)) done(error)
        break
      }
      case 'checkpointDue':
        this.#checkpointBeside()
        break
      case 'broken':
        this.#fail(message.failure.message)
        break
      case 'ready':
      case 'closed':
        break
    }
  }

  /** The store's end: whatever is not answered fails, and so does everything that is asked of it from now on. */
  #fail(message: string, cause?: Error): void {
    this.#failure ??= new StoreError('failed', message, { cause })
    for (const done of this.#pending.splice(0)) done(this.#failure)
  }

  /** Lets a second thread carry the log into the database while the writer goes on. */
  #checkpointBeside(): void {
    if (this.#closing) return
    this.#checkpointerIdle?.[Symbol.dispose]()
    this.#checkpointer ??= this.#startCheckpointer()
    this.#checkpointer.postMessage('checkpoint')
  }

  #startCheckpointer(): Worker {
    const checkpointer = this.#startWorker('checkpointer')
    const stop = (): void => {
      if (this.#checkpointer === checkpointer) this.#checkpointer = undefined
      void checkpointer.terminate()
    }
    checkpointer.on('message', () => {
      this.#tell({ do: 'finishCheckpoint' })
      this.#checkpointerIdle?.[Symbol.dispose]()
      if (!this.#closing) this.#checkpointerIdle = systemClock.after(checkpointerIdleMilliseconds, stop)
    })
    // Without it the writer does its work, which is slower and no less right.
    checkpointer.on('error', () => {
      stop()
      if (!this.#closing) this.#tell({ do: 'finishCheckpoint' })
    })
    return checkpointer
  }

  #startWorker(role: WorkerSettings['role']): Worker {
    const { worker, settings } = this.#settings
    return new Worker(worker, {
      name: `store ${role}`,
      workerData: { ...settings, role } satisfies WorkerSettings,
      resourceLimits,
      execArgv: [],
    })
  }
}

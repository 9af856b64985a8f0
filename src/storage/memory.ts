import { systemClock, type Clock } from '#lib/clock.ts'
import { EmbeddedStore, type Medium } from './embedded.ts'
import { defaultHistoryBudget, type HistoryBudget } from './history.ts'
import { firstRevision, type Revision, type Store } from './store.ts'

export interface MemoryStoreOptions {
  readonly clock?: Clock
  readonly history?: Partial<HistoryBudget>
}

/** A store without a disk, for tests and simulation: commits are acknowledged in the turn in which they are made. */
export function openMemoryStore(options: MemoryStoreOptions = {}): Store {
  const values = new Map<Revision, Buffer>()
  let newest = firstRevision
  const medium: Medium = {
    append(changes, done) {
      for (const { value } of changes) {
        newest++
        if (value !== undefined) values.set(newest, value)
      }
      done()
    },
    read(revision) {
      const value = values.get(revision)
      if (value === undefined) throw new RangeError(`No value is kept for revision ${revision}`)
      return value
    },
    remove(_compacted, revisions) {
      for (const revision of revisions) values.delete(revision)
    },
    gather: (run) => run(),
    pause: () => Promise.resolve(),
    close: () => Promise.resolve(),
  }
  const budget = { ...defaultHistoryBudget, ...options.history }
  return new EmbeddedStore(medium, { clock: options.clock ?? systemClock, budget }, [], firstRevision)
}

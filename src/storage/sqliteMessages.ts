import type { StoredChange } from './embedded.ts'
import type { Revision, StoreErrorReason } from './store.ts'

/** What the worker is started with. */
export interface WorkerSettings {
  readonly role: 'writer' | 'checkpointer'
  readonly directory: string
  /** The size beyond which the database does not grow. */
  readonly maximumBytes?: number
}

/** A group of changes: numbers and names in one array, values in one buffer that changes hands without a copy. */
export interface PackedChanges {
  /** For each change: key, created, size of the value or -1, time, lease or null. */
  readonly fields: (string | number | null)[]
  readonly values: Uint8Array<ArrayBuffer>
}

export const fieldsPerChange = 5

export type ToWriter =
  | ({ readonly do: 'append' } & PackedChanges)
  | { readonly do: 'remove'; readonly compacted: Revision; readonly revisions: readonly Revision[] }
  | { readonly do: 'finishCheckpoint' }
  | { readonly do: 'close' }

export interface Failure {
  readonly reason: StoreErrorReason
  readonly message: string
}

export type FromWriter =
  | { readonly is: 'ready' }
  /** So many appends, in the order of their sending, are durable or have failed. */
  | { readonly is: 'appended'; readonly groups: number; readonly failure?: Failure }
  /** The write-ahead log has grown while there was no time to empty it. */
  | { readonly is: 'checkpointDue' }
  | { readonly is: 'closed' }
  | { readonly is: 'broken'; readonly failure: Failure }

export function packChanges(changes: readonly StoredChange[]): PackedChanges {
  let size = 0
  for (const { value } of changes) size += value?.length ?? 0
  // All of it is written below.
  const values = Buffer.allocUnsafeSlow(size)
  const fields: (string | number | null)[] = []
  let at = 0
  for (const { key, value, created, time, lease } of changes) {
    fields.push(key, created, value === undefined ? -1 : value.length, time, lease ?? null)
    if (value === undefined) continue
    values.set(value, at)
    at += value.length
  }
  return { fields, values }
}

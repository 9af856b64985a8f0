// What the instances of the example operator wrote down, held against the history of the store.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'

/** One line of an instance's record. */
export type OperatorRecord =
  /** A watch was asked for: from a revision, or with everything there is. */
  | { readonly was: 'watch'; readonly plural: string; readonly from?: string }
  | {
      readonly was: 'event'
      readonly plural: string
      readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'
      readonly revision: string
      /** Whether it ends the initial state. */
      readonly initialEnd: boolean
    }
  /** A watch ended; the reason of the error, or nothing. */
  | { readonly was: 'end'; readonly plural: string; readonly reason: string }
  /** An informer told of a change; without a revision when the object went. */
  | { readonly was: 'change'; readonly plural: string; readonly revision?: string; readonly synced: boolean }
  /** The operator tried to act outside of the cluster. */
  | { readonly was: 'action'; readonly came: 'added' | 'known' | 'refused'; readonly fence: number }
  /** It began to write to the cluster, at a moment in milliseconds. */
  | { readonly was: 'write'; readonly plural: string; readonly at: number }

/** The site that is made after all others: who saw it has seen everything. */
export const lastSite = 'last'

export function readRecords(path: string): OperatorRecord[] {
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1)
  return lines.map((line) => JSON.parse(line) as OperatorRecord)
}

export interface Following {
  /** Events after the initial state. */
  readonly events: number
  /** Watches that went on from a revision, and those that had to begin anew. */
  readonly resumed: number
  readonly begun: number
}

/**
 * Checks that an informer saw, after its initial state, every change that the store has, once and in order, and told of each.
 * `revisions` are those of all changes of the kind. An instance that was killed may have received what it did not get to tell.
 */
export function checkFollowing(
  records: readonly OperatorRecord[],
  plural: string,
  revisions: readonly number[],
  ended: { readonly killed: boolean; readonly say: string },
): Following {
  const { say, killed } = ended
  const seen: number[] = []
  const told: number[] = []
  const changed: number[] = []
  let [first, reached, begun, resumed, gone, went] = [0, 0, 0, 0, 0, 0]
  let initial = false
  for (const record of records) {
    if (!('plural' in record) || record.plural !== plural) continue
    if (record.was === 'watch') {
      if (record.from === undefined) {
        begun++
        initial = true
      } else {
        resumed++
        assert.equal(Number(record.from), reached, `${say}: a watch goes on where the last one ended`)
      }
    } else if (record.was === 'event') {
      const revision = Number(record.revision)
      if (initial) {
        if (!record.initialEnd) continue
        assert.equal(first, 0, `${say}: the initial state came twice`)
        initial = false
        first = reached = revision
        continue
      }
      assert.ok(revision >= reached, `${say}: revision ${revision} came after ${reached}`)
      reached = revision
      if (record.type === 'BOOKMARK') continue
      seen.push(revision)
      if (record.type === 'DELETED') gone++
      else changed.push(revision)
    } else if (record.was === 'change' && record.synced) {
      if (record.revision === undefined) went++
      else told.push(Number(record.revision))
    }
  }
  const expected = revisions.filter((revision) => revision > first && revision <= reached)
  assert.deepEqual(seen, first === 0 ? [] : expected, `${say}: the events of the store after ${first} up to ${reached}`)
  if (!killed) assert.ok(reached >= (revisions.at(-1) ?? 0), `${say}: the newest change was seen`)
  const whole = killed ? changed.slice(0, told.length) : changed
  assert.deepEqual(told, whole, `${say}: what the informer told of`)
  assert.ok(killed ? went <= gone : went === gone, `${say}: ${gone} deletions came, ${went} were told of`)
  return { events: seen.length, resumed, begun }
}

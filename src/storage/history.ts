import type { KeyHistory } from './keyHistory.ts'
import type { Revision } from './store.ts'

/** How much of the past a store keeps. Whichever limit is reached first counts; the present is always kept. */
export interface HistoryBudget {
  /** Of values that were overwritten or deleted since. */
  readonly bytes: number
  readonly milliseconds: number
  /** Each costs about forty bytes of memory. */
  readonly revisions: number
}

export const defaultHistoryBudget: HistoryBudget = {
  bytes: 256 * 1024 * 1024,
  milliseconds: 24 * 60 * 60 * 1000,
  revisions: 500_000,
}

/** One revision: which key changed, when, and how many bytes became history by it. */
export interface Change {
  readonly history: KeyHistory
  /** Size of the value that this change replaced or deleted: freed when this revision is compacted. */
  readonly replacedBytes: number
  /** Milliseconds since the Unix epoch. */
  readonly time: number
}

/**
 * The changes behind the compacted revision in order, one for each revision, and the decision which of them to forget.
 *
 * Revisions have no gaps, so the change of a revision stands at a known place:
 *
 *     compacted 40    changes  [41: /a]  [42: /b]  [43: /a]     newest 43
 *     replaced bytes               0         0       3,000      history: 3,000 bytes, the value /a had from 41 to 43
 *
 *     compact(43)     changes  none, newest 43                  history: nothing, /a and /b are the present
 */
export class ChangeLog {
  #compacted: Revision
  #newest: Revision
  // One list for each field of a change, which takes a third of the memory of a list of objects. The change of revision r
  // stands at `r - compacted - 1 + #start`; what is before `#start` is forgotten.
  #histories: (KeyHistory | undefined)[] = []
  #replacedBytes: number[] = []
  #times: number[] = []
  #start = 0
  #historyBytes = 0

  constructor(compacted: Revision) {
    this.#compacted = compacted
    this.#newest = compacted
  }

  /** The oldest state that can be read. */
  get compacted(): Revision {
    return this.#compacted
  }

  get newest(): Revision {
    return this.#newest
  }

  /** Bytes of values kept only for readers of the past. */
  get historyBytes(): number {
    return this.#historyBytes
  }

  /** Records the change of the next revision. */
  append({ history, replacedBytes, time }: Change): Revision {
    this.#histories.push(history)
    this.#replacedBytes.push(replacedBytes)
    this.#times.push(time)
    this.#historyBytes += replacedBytes
    return ++this.#newest
  }

  /** The key that changed at a revision after `compacted` and up to `newest`. */
  changed(revision: Revision): KeyHistory {
    const history = this.#histories[this.#place(revision)]
    if (history === undefined) throw new RangeError(`No change is kept for revision ${revision}`)
    return history
  }

  /** Forgets the changes up to `revision`, returning the keys they touched. */
  compact(revision: Revision): Set<KeyHistory> {
    const touched = new Set<KeyHistory>()
    for (; this.#compacted < revision; this.#compacted++) {
      touched.add(this.#histories[this.#start]!)
      this.#historyBytes -= this.#replacedBytes[this.#start]!
      this.#histories[this.#start++] = undefined
    }
    // The forgotten places are given back once they are half of the list, so that each is moved a bounded number of times.
    if (this.#start > 1024 && this.#start * 2 > this.#histories.length) {
      this.#histories = this.#histories.slice(this.#start)
      this.#replacedBytes = this.#replacedBytes.slice(this.#start)
      this.#times = this.#times.slice(this.#start)
      this.#start = 0
    }
    return touched
  }

  /**
   * Decides up to where to compact so that what is left fits the budget. It cuts a tenth below the limit that was passed, so
   * that it is needed once in a while and not at each commit: nine tenths of the budget can be relied on.
   */
  planCompaction(budget: HistoryBudget, now: number): Revision | undefined {
    if (this.#newest === this.#compacted) return undefined
    const passes = (bytes: number, revision: Revision, share: number): boolean =>
      bytes > budget.bytes * share ||
      this.#newest - revision > budget.revisions * share ||
      now - this.#times[this.#place(revision + 1)]! > budget.milliseconds * share
    let bytes = this.#historyBytes
    let revision = this.#compacted
    if (!passes(bytes, revision, 1)) return undefined
    while (revision < this.#newest && passes(bytes, revision, 0.9)) {
      bytes -= this.#replacedBytes[this.#place(++revision)]!
    }
    return revision
  }

  #place(revision: Revision): number {
    return revision - this.#compacted - 1 + this.#start
  }
}

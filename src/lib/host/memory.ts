import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Larger heaps are left alone: everything in this process waits while one is looked through, 2 ms for each MiB. */
const mostHeapBytes = 64 * 1024 * 1024

/**
 * Gives back the memory that a start took and that nobody needs any more. The engine would do so when it next runs short,
 * which a process at rest never does.
 */
export function releaseLeftovers(most = mostHeapBytes): void {
  if (getHeapStatistics().used_heap_size > most) return
  // The function exists in contexts that are made while the flag is set.
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (options: { readonly type: 'major'; readonly flavor: 'last-resort' }) => void
  setFlagsFromString('--no-expose-gc')
  collect({ type: 'major', flavor: 'last-resort' })
}

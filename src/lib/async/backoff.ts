/** How long to wait after each failure of a key. */
export interface Backoff<K = string> {
  /** Counts one more failure of `key` and returns the milliseconds to wait before the next try. */
  next(key: K): number
  /** How many failures in a row were counted. */
  failures(key: K): number
  /** Starts `key` anew. */
  forget(key: K): void
}

/** Doubles from `first` to at most `most` milliseconds. */
export function exponentialBackoff<K = string>(options: { readonly first: number; readonly most: number }): Backoff<K> {
  const failures = new Map<K, number>()
  return {
    next(key) {
      const before = failures.get(key) ?? 0
      failures.set(key, before + 1)
      return exponentialDelay(before, options)
    },
    failures: (key) => failures.get(key) ?? 0,
    forget(key) {
      failures.delete(key)
    },
  }
}

/** The delay after `failures` earlier failures: `first`, twice that, and so on up to `most`. */
export function exponentialDelay(failures: number, options: { readonly first: number; readonly most: number }): number {
  return Math.min(options.most, options.first * 2 ** Math.min(failures, 52))
}

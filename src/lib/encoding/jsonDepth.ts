const nothing: Readonly<Record<string | number, unknown>> = Object.freeze({})

/**
 * Whether lists and objects nest deeper than `most` in a value that was never a text. Looks no deeper than that, and not at
 * parts that are the very ones which another value, of which it is known, has in the same place.
 */
export function exceedsDepth(value: unknown, most: number, known?: unknown): boolean {
  if (typeof value !== 'object' || value === null || value === known) return false
  if (most === 0) return true
  const before = typeof known === 'object' && known !== null ? (known as Record<string | number, unknown>) : nothing
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at++) {
      const item: unknown = value[at]
      if (typeof item === 'object' && item !== null && exceedsDepth(item, most - 1, before[at])) return true
    }
    return false
  }
  for (const key in value) {
    const member = (value as Record<string, unknown>)[key]
    // Most members are no objects, and need no call of their own.
    if (typeof member === 'object' && member !== null && exceedsDepth(member, most - 1, before[key])) return true
  }
  return false
}

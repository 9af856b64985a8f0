/** Whether lists and objects nest deeper than `most` in a value that was never a text. Looks no deeper than that. */
export function exceedsDepth(value: unknown, most: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (most === 0) return true
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at++) {
      const item: unknown = value[at]
      if (typeof item === 'object' && item !== null && exceedsDepth(item, most - 1)) return true
    }
    return false
  }
  for (const key in value) {
    const member = (value as Record<string, unknown>)[key]
    // Most members are no objects, and need no call of their own.
    if (typeof member === 'object' && member !== null && exceedsDepth(member, most - 1)) return true
  }
  return false
}

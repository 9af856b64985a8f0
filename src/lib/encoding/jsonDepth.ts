/** Whether lists and objects nest deeper than `most` in a value that was never a text. Looks no deeper than that. */
export function exceedsDepth(value: unknown, most: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (most === 0) return true
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at++) if (exceedsDepth(value[at], most - 1)) return true
    return false
  }
  for (const key in value) if (exceedsDepth((value as Record<string, unknown>)[key], most - 1)) return true
  return false
}

/**
 * Whether the JSON of a value has more bytes than `limit`, counting every character once and no escapes: it never says so
 * of one that fits. Stops as soon as it knows, and costs a small part of encoding.
 */
export function exceedsJsonSize(value: unknown, limit: number): boolean {
  return roomBeside(value, limit) < 0
}

/** What is at most left of `limit` bytes beside the JSON of a value; negative when it does not fit. */
export function roomBeside(value: unknown, limit: number): number {
  let left = limit
  if (typeof value === 'string') return left - value.length - 2
  if (typeof value !== 'object' || value === null) return left - 1
  left -= 1
  if (Array.isArray(value)) {
    for (const item of value) if ((left = roomBeside(item, left) - 1) < 0) return left
    return left
  }
  for (const key in value) {
    left = roomBeside((value as Record<string, unknown>)[key], left) - key.length - 4
    if (left < 0) return left
  }
  return left
}

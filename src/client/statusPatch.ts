/** The JSON merge patch (RFC 7396) that turns one value into another; undefined when they are equal. */
export function mergePatchOf(from: unknown, to: unknown): unknown {
  if (!isRecord(from) || !isRecord(to)) return isEqual(from, to) ? undefined : (to ?? null)
  const patch: Record<string, unknown> = {}
  for (const field of Object.keys(from)) if (from[field] !== undefined && to[field] === undefined) patch[field] = null
  for (const [field, value] of Object.entries(to)) {
    if (value === undefined) continue
    const change = mergePatchOf(from[field], value)
    if (change !== undefined) patch[field] = change
  }
  return Object.keys(patch).length === 0 ? undefined : patch
}

/** Whether two JSON values say the same; a field that is undefined is absent. */
export function isEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b)) return false
    return a.length === b.length && a.every((item, index) => isEqual(item, b[index]))
  }
  if (!isRecord(a) || !isRecord(b)) return false
  for (const field of Object.keys(a)) if (!isEqual(a[field], b[field])) return false
  for (const field of Object.keys(b)) if (b[field] !== undefined && a[field] === undefined) return false
  return true
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

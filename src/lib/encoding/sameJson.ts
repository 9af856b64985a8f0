/**
 * Whether two values say the same JSON. The order of members does not matter, that of items does, and a member that is
 * undefined is absent. Only own members count: a label may be called `constructor`.
 */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b)) return false
    return a.length === b.length && a.every((item, index) => sameJson(item, b[index]))
  }
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>]
  let missing = 0
  for (const key of Object.keys(right)) if (right[key] !== undefined) missing++
  for (const key of Object.keys(left)) {
    if (left[key] === undefined) continue
    if (!Object.hasOwn(right, key) || !sameJson(left[key], right[key])) return false
    missing--
  }
  return missing === 0
}

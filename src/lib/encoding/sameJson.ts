/**
 * Whether two values say the same JSON. The order of members does not matter, that of items does, and a member that is
 * undefined is absent. Only own members count: a label may be called `constructor`.
 */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b)) return false
    if (a.length !== b.length) return false
    for (let index = 0; index < a.length; index++) if (!sameJson(a[index], b[index])) return false
    return true
  }
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>]
  let missing = 0
  for (const key in right) if (right[key] !== undefined) missing++
  for (const key in left) {
    const value = left[key]
    if (value === undefined) continue
    if (!Object.hasOwn(right, key) || !sameJson(value, right[key])) return false
    missing--
  }
  return missing === 0
}

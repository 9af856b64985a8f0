import type { Report } from '#machinery/validate/report.ts'

// Rules that many kinds share. Each adds what is wrong, in Kubernetes' words, to the report that it is given.

/** Numbers that may be absent but not below `least`. */
export function checkAtLeast(report: Report, least: number, value: number | undefined): void {
  if (value !== undefined && value < least) {
    report.invalid(value, `must be greater than or equal to ${least}`)
  }
}

/** A part that stays as it was when the object was created. */
export function checkImmutable(report: Report, value: unknown, old: unknown): void {
  if (!sameValue(value, old)) report.invalid(value, 'field is immutable')
}

/** Whether two parts of objects say the same; the order of keys and absent parts do not matter. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, i) => sameValue(item, b[i]))
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) || Array.isArray(b)) return false
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>]
  const keys = new Set([...Object.keys(left), ...Object.keys(right)])
  return [...keys].every((key) => sameValue(left[key], right[key]))
}

/** One of a closed set of words; absent is for other rules. */
export function checkOneOf(report: Report, values: readonly string[], value: string | undefined): void {
  if (value !== undefined && !values.includes(value)) report.notSupported(value, values)
}

import { setOwn } from './setOwn.ts'

/** A private, unfrozen copy of a value of JSON. */
export function copyJson<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(copyJson) as T
  const copy: Record<string, unknown> = {}
  for (const key in value) {
    const member = (value as Record<string, unknown>)[key]
    setOwn(copy, key, typeof member === 'object' && member !== null ? copyJson(member) : member)
  }
  return copy as T
}

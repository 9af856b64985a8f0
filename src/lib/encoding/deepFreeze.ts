/**
 * Freezes a value made of plain objects and lists, through and through. Stops at what is frozen already. Members come before
 * what holds them: V8 walks objects faster that are not frozen yet.
 */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === 'object') deepFreeze(item as unknown)
    return Object.freeze(value)
  }
  for (const key in value) {
    const member = (value as Record<string, unknown>)[key]
    if (typeof member === 'object') deepFreeze(member)
  }
  return Object.freeze(value)
}

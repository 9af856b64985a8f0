/** Freezes a value made of plain objects and lists, through and through. Stops at what is frozen already. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  Object.freeze(value)
  if (Array.isArray(value)) for (const item of value) deepFreeze(item as unknown)
  else for (const key in value) deepFreeze((value as Record<string, unknown>)[key])
  return value
}

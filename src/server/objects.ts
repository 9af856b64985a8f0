import { isObject, type JsonObject } from '#machinery/schema/model.ts'

/** A private, unfrozen copy of a JSON value. */
export function thaw<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(thaw) as T
  const copy: JsonObject = {}
  for (const key in value) {
    const member = (value as JsonObject)[key]
    if (key === '__proto__') {
      Object.defineProperty(copy, key, { value: thaw(member), enumerable: true, configurable: true, writable: true })
    } else copy[key] = typeof member === 'object' && member !== null ? thaw(member) : member
  }
  return copy as T
}

/** Makes `target` hold at a dotted path what `source` holds there, or nothing when it holds nothing. */
export function copyPath(target: object, source: object, path: string): void {
  const steps = path.split('.')
  const last = steps.pop()!
  let to = target as JsonObject
  let from: unknown = source
  for (const step of steps) {
    from = isObject(from) && Object.hasOwn(from, step) ? from[step] : undefined
    if (!isObject(to[step])) {
      if (from === undefined) return
      to[step] = {}
    }
    to = to[step] as JsonObject
  }
  const value = isObject(from) && Object.hasOwn(from, last) ? from[last] : undefined
  if (value === undefined) delete to[last]
  else to[last] = thaw(value)
}

/** Removes what an object holds at a dotted path. */
export function dropPath(target: object, path: string): void {
  copyPath(target, {}, path)
}

// The steps of paths to fields, as sets of fields have them: `f:name` to a field, `k:{"name":"a"}` and `v:"a"` to items of lists by
// their key or value, `i:0` by position, `.` to where one stands.
import { isObject } from '#machinery/schema/model.ts'

/** A path as messages write it: `.spec.ports[port=80,protocol="TCP"].name`. */
export function fieldPathText(path: readonly string[]): string {
  return path.map(stepText).join('')
}

function stepText(step: string): string {
  const rest = step.slice(2)
  switch (step[0]) {
    case 'k': {
      const key = JSON.parse(rest) as Record<string, unknown>
      return `[${Object.entries(key)
        .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
        .join(',')}]`
    }
    case 'v':
      return `[=${JSON.stringify(JSON.parse(rest))}]`
    case 'i':
      return `[${rest}]`
    default:
      return `.${rest}`
  }
}

const kinds = '.fkvi'

/** The order of the members of a node: itself, fields by name, items by key, by value, by position. */
export function compareSteps(a: string, b: string): number {
  if (a === b) return 0
  if (a[0] === 'f' && b[0] === 'f') return a < b ? -1 : 1
  const byKind = kinds.indexOf(a[0]!) - kinds.indexOf(b[0]!)
  if (byKind !== 0) return byKind
  if (a[0] === 'i') return Number(a.slice(2)) - Number(b.slice(2))
  return compareStrings(a, b) ?? compareValues(JSON.parse(a.slice(2)), JSON.parse(b.slice(2)))
}

/** What a string may begin an escape with, or what comes behind a value that is no string. */
const notPlain = '\\,}'

/** Compares keys that first differ within a plain string, as most do; others must be read to be compared. */
function compareStrings(a: string, b: string): number | undefined {
  let at = 0
  while (a.charCodeAt(at) === b.charCodeAt(at)) at++
  let start = at
  while (start > 2 && a[start - 1] !== '"' && a[start - 1] !== ':') start--
  const [left, right] = [a[at], b[at]]
  if (a[start - 1] !== '"' || left === undefined || right === undefined) return undefined
  if (notPlain.includes(left) || notPlain.includes(right)) return undefined
  // A string that ends here comes before one that goes on.
  if (left === '"' || right === '"') return left === '"' ? -1 : 1
  return left < right ? -1 : 1
}

/** Numbers, then texts, then truth values, then lists, then objects member by member. */
function compareValues(a: unknown, b: unknown): number {
  const byType = rankOf(a) - rankOf(b)
  if (byType !== 0) return byType
  if (typeof a === 'number' || typeof a === 'boolean') return Number(a) - Number(b)
  if (typeof a === 'string') return a === b ? 0 : a < (b as string) ? -1 : 1
  if (a === null) return 0
  const [left, right] = [Object.entries(a as object), Object.entries(b as object)]
  for (const [at, [name, value]] of left.entries()) {
    const other = right[at]
    if (other === undefined) return 1
    const order = compareValues(name, other[0]) || compareValues(value, other[1])
    if (order !== 0) return order
  }
  return left.length - right.length
}

function rankOf(value: unknown): number {
  if (Array.isArray(value)) return 3
  return ['number', 'string', 'boolean', '', 'object'].indexOf(value === null ? '' : typeof value)
}

/** A step that came from outside, as it is written here. */
export function readStep(key: string): string {
  if (key.length < 2 || key[1] !== ':') return 'malformed'
  const rest = key.slice(2)
  if (key[0] === 'f') return key
  if (key[0] === 'i') return /^[+-]?\d{1,15}$/.test(rest) ? `i:${Number(rest)}` : 'malformed'
  if (key[0] !== 'k' && key[0] !== 'v') return 'unknown'
  try {
    const value: unknown = JSON.parse(rest)
    if (key[0] === 'v') return valueStep(value)
    return isObject(value) ? keyStep(Object.entries(value)) : 'malformed'
  } catch {
    return 'malformed'
  }
}

/** The step to an item of a set. */
export function valueStep(value: unknown): string {
  return `v:${keyText(value)}`
}

/** The step to an item of a list whose items have keys. */
export function keyStep(key: readonly (readonly [name: string, value: unknown])[]): string {
  const sorted = key.length < 2 ? key : key.toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `k:{${sorted.map(([name, value]) => `${keyText(name)}:${keyText(value)}`).join(',')}}`
}

const plainText = /^[-\w./]*$/
const unsafeInHtml = /[<>&\u2028\u2029]/g

/** A value as JSON. Go writes what HTML or JavaScript would misread as escapes. */
export function keyText(value: unknown): string {
  if (typeof value === 'string' && plainText.test(value)) return `"${value}"`
  return JSON.stringify(value).replace(unsafeInHtml, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

// Sets of fields of one object: who owns what is said with them. A set is kept in the form in which it is written
// (FieldsV1), so that reading and writing one costs nothing:
//
//     the fields spec.replicas and spec.ports[port=80]      { 'f:spec': { 'f:replicas': {}, 'f:ports': { 'k:{"port":80}': {} } } }
//     the field spec.ports itself, too                       … 'f:ports': { '.': {}, 'k:{"port":80}': {} } …
//
// A node without members, or with the member `.`, is in the set; other nodes only lead to what is below. All functions are
// pure and give their first argument back where it is the result. Members may come in any order until a set is `shared`: then
// they have the one in which they are written, so that equal sets have equal texts.
import { deepFreeze } from '#lib/encoding/deepFreeze.ts'
import { isObject } from '#machinery/schema/model.ts'

/** A set, or a node of one. The root itself is never a member: a root without members is the empty set. */
export interface FieldSet {
  readonly [step: string]: FieldSet
}

type Building = Record<string, FieldSet>

/** A member with nothing below it. As a root: the empty set. */
export const leaf: FieldSet = Object.freeze({})

const self = '.'

/** The texts of sets that are shared. */
const texts = new WeakMap<FieldSet, string>()

/** Whether a set has no members. */
export function isEmptySet(set: FieldSet): boolean {
  for (const _ in set) return false
  return true
}

/** Whether a node that is not the root is in the set. */
function isMember(node: FieldSet): boolean {
  return node[self] !== undefined || isEmptySet(node)
}

/** A node that is in the set, with what is below it. */
export function withSelf(below: FieldSet | undefined): FieldSet {
  if (below === undefined || isAlone(below)) return leaf
  return below[self] === undefined ? { [self]: leaf, ...below } : below
}

/** The set of some fields by their dotted paths. */
export function fieldsNamed(...paths: readonly string[]): FieldSet {
  return paths
    .map((path) => path.split('.').reduceRight<FieldSet>((below, name) => ({ [`f:${name}`]: below }), leaf))
    .reduce(union, leaf)
}

/** What is in either of two sets. */
export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmptySet(a)) return b
  return isEmptySet(b) ? a : unionNodes(a, b)
}

function unionNodes(a: FieldSet, b: FieldSet): FieldSet {
  if (a === b) return a
  let result: Building | undefined
  if (a[self] === undefined && (isEmptySet(a) || isMember(b))) {
    if (isEmptySet(b) && isEmptySet(a)) return a
    result = { [self]: leaf, ...a }
  }
  for (const step in b) {
    if (step === self) continue
    const mine = a[step]
    const merged = mine === undefined ? b[step]! : unionNodes(mine, b[step]!)
    if (merged === mine) continue
    ;(result ??= { ...a })[step] = merged
  }
  return result ?? a
}

/** What is in the first set and not in the second. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmptySet(a) || isEmptySet(b)) return a
  return differenceOf(a, b, false) ?? leaf
}

/** What is in the first set and neither in the second nor below a member of it. */
export function differenceBelow(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmptySet(a) || isEmptySet(b)) return a
  return differenceOf(a, b, true) ?? leaf
}

function differenceOf(a: FieldSet, b: FieldSet, below: boolean): FieldSet | undefined {
  const goes = isMember(a) && isMember(b)
  let result: Building | undefined
  if (goes) {
    if (isEmptySet(a)) return undefined
    result = { ...a }
    delete result[self]
  }
  for (const step in a) {
    const other = b[step]
    if (other === undefined || step === self) continue
    const left = below && isMember(other) ? undefined : differenceOf(a[step]!, other, below)
    if (left === a[step]) continue
    result ??= { ...a }
    if (left === undefined) delete result[step]
    else result[step] = left
  }
  if (result === undefined) return a
  if (isEmptySet(result)) return undefined
  return isAlone(result) ? leaf : result
}

/** Whether a node has nothing below it. */
function isAlone(node: FieldSet): boolean {
  for (const step in node) if (step !== self) return false
  return true
}

/** What is in both of two sets. */
export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmptySet(a) || isEmptySet(b)) return leaf
  return intersectionOf(a, b, false) ?? leaf
}

/** What is in the first set and, in the second, itself a member or below one. */
export function within(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmptySet(a) || isEmptySet(b)) return leaf
  return intersectionOf(a, b, true) ?? leaf
}

function intersectionOf(a: FieldSet, b: FieldSet, below: boolean): FieldSet | undefined {
  if (a === b) return a
  const result: Building = {}
  const stays = isMember(a) && isMember(b)
  if (stays) result[self] = leaf
  let isSame = isMember(a) === stays
  for (const step in a) {
    if (step === self) continue
    const other = b[step]
    let kept: FieldSet | undefined
    if (other !== undefined) kept = below && isMember(other) ? a[step]! : intersectionOf(a[step]!, other, below)
    if (kept !== undefined) result[step] = kept
    if (kept !== a[step]) isSame = false
  }
  if (isSame) return a
  if (isAlone(result)) return stays ? leaf : undefined
  return result
}

/** Whether a path of steps (`f:spec`, `f:replicas`) is in the set. */
export function hasField(set: FieldSet, path: readonly string[]): boolean {
  let at: FieldSet | undefined = set
  for (const step of path) at = at?.[step]
  return path.length > 0 && at !== undefined && isMember(at)
}

/** Every path of a set: those that end at a node before those that go on below. */
export function* pathsOf(set: FieldSet, above: readonly string[] = []): Generator<readonly string[]> {
  const steps = Object.keys(set).filter((step) => step !== self)
  for (const step of steps) if (isMember(set[step]!)) yield [...above, step]
  for (const step of steps) yield* pathsOf(set[step]!, [...above, step])
}

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
  const byKind = kinds.indexOf(a[0]!) - kinds.indexOf(b[0]!)
  if (byKind !== 0) return byKind
  if (a[0] === 'f') return a < b ? -1 : 1
  if (a[0] === 'i') return Number(a.slice(2)) - Number(b.slice(2))
  return compareStrings(a, b) ?? compareValues(JSON.parse(a.slice(2)), JSON.parse(b.slice(2)))
}

/** Compares keys that first differ within a plain string, as most do; others must be read to be compared. */
function compareStrings(a: string, b: string): number | undefined {
  let at = 0
  while (a[at] === b[at]) at++
  let start = at
  while (start > 2 && a[start - 1] !== '"' && a[start - 1] !== ':') start--
  const [left, right] = [a[at], b[at]]
  if (a[start - 1] !== '"' || left === undefined || right === undefined || /[\\,}]/.test(left + right)) return undefined
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

/** The same set with all members in order. */
function inOrder(set: FieldSet): FieldSet {
  if (texts.has(set)) return set
  let previous: string | undefined
  let isSame = true
  const steps = Object.keys(set)
  for (const step of steps) {
    if (previous !== undefined && compareSteps(previous, step) > 0) isSame = false
    previous = step
  }
  if (!isSame) steps.sort(compareSteps)
  const result: Building = {}
  for (const step of steps) {
    const below = set[step]!
    result[step] = isEmptySet(below) ? leaf : inOrder(below)
    if (result[step] !== below) isSame = false
  }
  return isSame ? set : result
}

/** Reads a set that came from outside. Steps of kinds that are not known are left out; undefined: it is no set. */
export function readFieldSet(value: unknown): FieldSet | undefined {
  const read = readNode(value)?.below
  return read && inOrder(read)
}

/** What is below a node, and whether it is a member. */
function readNode(value: unknown): { readonly below: FieldSet; readonly member: boolean } | undefined {
  if (!isObject(value)) return undefined
  const below: Building = {}
  for (const key of Object.keys(value)) {
    if (key === self) continue
    const step = readStep(key)
    if (step === 'malformed') return undefined
    if (step === 'unknown') continue
    const node = readNode(value[key])
    if (node === undefined) return undefined
    below[step] = node.member ? withSelf(node.below) : node.below
  }
  return { below, member: Object.hasOwn(value, self) || isEmptySet(below) }
}

function readStep(key: string): string {
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

/** The set as JSON; made once for each set that `shared` has seen. */
export function fieldSetText(set: FieldSet): string {
  return texts.get(set) ?? JSON.stringify(set)
}

/** Sets that many objects have, such as the pods of one deployment, are kept once: those asked for lately, and those before. */
let recent = new Map<string, FieldSet>()
let earlier = new Map<string, FieldSet>()
const mostRecent = 500
const longestKept = 8_192

/** A frozen set equal to this one, the same for all who ask. */
export function shared(set: FieldSet): FieldSet {
  if (texts.has(set)) return set
  const ordered = inOrder(set)
  return keep(JSON.stringify(ordered), ordered)
}

/** The set that a text in order says, frozen, and the same for all who ask. */
export function sharedText(text: string): FieldSet {
  return keep(text, undefined)
}

function keep(text: string, set: FieldSet | undefined): FieldSet {
  const known = recent.get(text)
  if (known !== undefined) return known
  const kept = earlier.get(text) ?? deepFreeze(set ?? (JSON.parse(text) as FieldSet))
  texts.set(kept, text)
  if (text.length > longestKept) return kept
  if (recent.size >= mostRecent) {
    earlier = recent
    recent = new Map()
  }
  recent.set(text, kept)
  return kept
}

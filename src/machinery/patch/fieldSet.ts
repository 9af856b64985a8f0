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
import { compareSteps, readStep } from './fieldSteps.ts'

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

/** The same set with all members in order, as they are in all that is frozen. */
function inOrder(set: FieldSet): FieldSet {
  if (Object.isFrozen(set)) return set
  const steps = Object.keys(set)
  let isSame = areInOrder(steps)
  if (!isSame) steps.sort(compareSteps)
  const result: Building = {}
  for (const step of steps) {
    const below = set[step]!
    const node = isEmptySet(below) ? leaf : inOrder(below)
    if (node !== below) isSame = false
    result[step] = node
  }
  return isSame ? set : result
}

function areInOrder(steps: readonly string[]): boolean {
  for (let at = 1; at < steps.length; at++) if (compareSteps(steps[at - 1]!, steps[at]!) > 0) return false
  return true
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

// Which fields an object names: what a client that applies comes to own, and what goes with what it names no more.
import { leaf, withSelf, type FieldSet } from './fieldSet.ts'
import { isEmpty, itemsByStep, partsOf, Repeated, type Members } from './fieldParts.ts'
import { isDivided, isKeyed, type Shape } from './fieldShape.ts'

type Building = Record<string, FieldSet>

/** As `namedFields`; undefined where they are more than `most`. */
export function fewNamedFields(shape: Shape, value: unknown, most: number): FieldSet | undefined {
  left = most
  try {
    return namedFields(shape, value)
  } catch (error) {
    if (error instanceof TooMany) return undefined
    throw error
  } finally {
    left = Infinity
  }
}

/** How many more fields may be named. */
let left = Infinity

class TooMany extends Error {}

function spend(fields: number): void {
  left -= fields
  if (left < 0) throw new TooMany()
}

/** The fields that an object names: leaves, entries of maps and items of lists, but not the structs around them. */
export function namedFields(shape: Shape, value: unknown): FieldSet {
  if (isDivided(shape, value)) return namedMembers(shape, value)
  return isKeyed(shape, value) ? namedItems(shape, value) : leaf
}

function namedMembers(shape: Shape, value: Members): FieldSet {
  const node: Building = {}
  const { fields, values } = shape
  const names = Object.keys(value)
  spend(values === undefined ? 0 : names.length)
  for (const name of names) {
    const field = fields.get(name)
    const inner = field === undefined ? values : field.shape
    const member = value[name]
    if (inner === undefined || member === undefined) continue
    if (typeof member !== 'object') {
      node[field === undefined ? `f:${name}` : field.step] = leaf
      continue
    }
    const isWhole =
      member === null || partsOf(inner, member) === 'whole' || (isDivided(inner, member) && isEmpty(member))
    const named = isWhole ? leaf : namedFields(inner, member)
    // An empty list that has keys names nothing.
    if (field === undefined) node[`f:${name}`] = withSelf(named)
    else if (isWhole || !isEmpty(named)) node[field.step] = named
  }
  return node
}

function namedItems(shape: Shape, list: readonly unknown[]): FieldSet {
  const node: Building = {}
  const { items } = shape
  spend(list.length)
  for (const [step, item] of itemsByStep(shape, list)) {
    const isLeaf = typeof item !== 'object' || item === null || item instanceof Repeated
    node[step] = isLeaf ? leaf : withSelf(namedFields(items, item))
  }
  return node
}

/** The set with the structs and lists around its members, as far as they are fields with names. */
export function withNamedParents(shape: Shape | undefined, set: FieldSet): FieldSet {
  let result: Building | undefined
  for (const step of Object.keys(set)) {
    if (step === '.') continue
    const node = set[step]!
    if (isEmpty(node)) continue
    const field = step.startsWith('f:') ? shape?.fields.get(step.slice(2)) : undefined
    const inner = step.startsWith('f:') ? (field?.shape ?? shape?.values) : shape?.items
    const widened = withNamedParents(inner, node)
    const named = field === undefined ? widened : withSelf(widened)
    if (named !== node) (result ??= { ...set })[step] = named
  }
  return result ?? set
}

/** A value without the members and items in a set, for reading by the schema. What loses all its members is null. */
export function withoutFields(shape: Shape, value: unknown, set: FieldSet): unknown {
  if (isDivided(shape, value)) {
    if (isEmpty(value)) return null
    const left: Record<string, unknown> = {}
    let isLeft = false
    for (const name of Object.keys(value)) {
      const node = set[`f:${name}`]
      if (node !== undefined && isInSet(node)) continue
      const field = shape.fields.get(name)
      const inner = field === undefined ? shape.values : field.shape
      const member = value[name]
      const kept = node === undefined || inner === undefined ? member : withoutFields(inner, member, node)
      Object.defineProperty(left, name, { value: kept, enumerable: true, configurable: true, writable: true })
      isLeft = true
    }
    return isLeft ? left : null
  }
  if (isKeyed(shape, value)) {
    const left: unknown[] = []
    for (const item of value) {
      const step = shape.step!(item)
      const node = typeof step === 'string' ? set[step] : undefined
      if (node === undefined) left.push(item)
      else if (!isInSet(node)) left.push(withoutFields(shape.items, item, node))
    }
    return left.length > 0 ? left : null
  }
  // An atomic value of which parts were owned: the schema was another one then.
  return typeof value === 'object' ? null : value
}

function isInSet(node: FieldSet): boolean {
  return node['.'] !== undefined || isEmpty(node)
}

/**
 * A set as the schema means it now: what it has of the inside of something that became atomic is that as a whole. The
 * schema of a custom kind may change after the set was written.
 */
export function fittedFields(shape: Shape, set: FieldSet): FieldSet {
  let known = fitted.get(shape)
  if (known === undefined) fitted.set(shape, (known = new WeakMap()))
  let result = known.get(set)
  if (result === undefined) known.set(set, (result = fit(shape, set)))
  return result
}

const fitted = new WeakMap<Shape, WeakMap<FieldSet, FieldSet>>()

function fit(shape: Shape, set: FieldSet): FieldSet {
  let result: Building | undefined
  for (const step of Object.keys(set)) {
    const node = set[step]!
    if (step === '.' || isEmpty(node)) continue
    const isField = step.startsWith('f:')
    const inner = isField ? (shape.fields.get(step.slice(2))?.shape ?? shape.values) : shape.items
    if (inner === undefined) continue
    const isWhole = isField || shape.step !== undefined ? isAtomicNow(inner, node) : false
    const fitting = isWhole ? leaf : fit(inner, node)
    if (fitting !== node) (result ??= { ...set })[step] = fitting
  }
  return result ?? set
}

function isAtomicNow(shape: Shape, node: FieldSet): boolean {
  if (shape.isAtomic) return true
  if (!shape.takesLists || shape.takesObjects || shape.step !== undefined) return false
  return Object.keys(node).some((step) => step !== '.')
}

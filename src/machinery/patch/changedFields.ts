// Which fields a change touches: what a writer comes to own and others lose.
import { sameJson } from '#lib/encoding/sameJson.ts'
import { wholeFields } from './createdFields.ts'
import { leaf, union, withSelf, type FieldSet } from './fieldSet.ts'
import { isObject } from '#machinery/schema/model.ts'
import {
  commonParts,
  isEmpty,
  itemsByStep,
  memberOf,
  noMembers,
  partsOf,
  Repeated,
  type Members,
} from './fieldParts.ts'
import type { Shape } from './fieldShape.ts'

/** The fields that differ between two objects: those that came or have another value, and those that went. */
export interface FieldChanges {
  readonly touched?: FieldSet | undefined
  readonly removed?: FieldSet | undefined
}

type Building = Record<string, FieldSet>

const leafTouched: FieldChanges = { touched: leaf }
const leafRemoved: FieldChanges = { removed: leaf }

/** What becomes different from one value to another; undefined: nothing. Costs little where they share members. */
export function compareFields(shape: Shape, before: unknown, after: unknown): FieldChanges | undefined {
  // Most parts of an object stay as they are, and steps cost more than a look.
  if (sameJson(before, after)) return undefined
  const parts = commonParts(partsOf(shape, before), partsOf(shape, after))
  if (parts === 'members' && !(isEmpty(before) && isEmpty(after))) {
    return compareMembers(shape, (before ?? noMembers) as Members, (after ?? noMembers) as Members)
  }
  if (parts === 'items' && !(isEmpty(before) && isEmpty(after))) {
    return compareItems(shape, (before ?? []) as readonly unknown[], (after ?? []) as readonly unknown[])
  }
  if (parts !== 'mixed') return leafTouched
  return { touched: withSelf(below(wholeField(shape, after))), removed: below(wholeField(shape, before)) }
}

/** As `compareFields`, for a change that can only be at some places, such as `status` or `metadata.annotations`. */
export function compareFieldsAt(
  shape: Shape,
  before: unknown,
  after: unknown,
  places: readonly string[],
): FieldChanges | undefined {
  let changes: FieldChanges | undefined
  for (const place of places) {
    const steps = place.split('.')
    let at: Shape | undefined = shape
    let [old, now]: unknown[] = [before, after]
    for (const step of steps) {
      at = at?.fields.get(step)?.shape ?? at?.values
      old = memberOf((old ?? noMembers) as Members, step)
      now = memberOf((now ?? noMembers) as Members, step)
    }
    const found = at === undefined ? undefined : compareMember(at, old, now)
    if (found === undefined) continue
    const above = (set: FieldSet | undefined): FieldSet | undefined =>
      set && steps.reduceRight<FieldSet>((inner, step) => ({ [`f:${step}`]: inner }), set)
    const here = { touched: above(found.touched), removed: above(found.removed) }
    changes = changes === undefined ? here : bothChanges(changes, here)
  }
  return changes
}

function bothChanges(a: FieldChanges, b: FieldChanges): FieldChanges {
  const both = (x: FieldSet | undefined, y: FieldSet | undefined): FieldSet | undefined =>
    x === undefined || y === undefined ? (x ?? y) : union(x, y)
  return { touched: both(a.touched, b.touched), removed: both(a.removed, b.removed) }
}

function compareMembers(shape: Shape, before: Members, after: Members): FieldChanges | undefined {
  const result = new Changes()
  const { fields, values } = shape
  for (const name in after) {
    const field = fields.get(name)
    const inner = field === undefined ? values : field.shape
    if (inner === undefined) continue
    const changes = compareMember(inner, memberOf(before, name), after[name])
    if (changes !== undefined) result.put(field?.step ?? `f:${name}`, changes)
  }
  for (const name in before) {
    const old = before[name]
    if (old === undefined || memberOf(after, name) !== undefined) continue
    const field = fields.get(name)
    const inner = field === undefined ? values : field.shape
    if (inner !== undefined) result.put(field?.step ?? `f:${name}`, removal(inner, old))
  }
  return result.all()
}

function compareMember(shape: Shape, before: unknown, after: unknown): FieldChanges | undefined {
  if (before === undefined) return after === undefined ? undefined : addition(shape, after)
  return after === undefined ? removal(shape, before) : compareFields(shape, before, after)
}

function addition(shape: Shape, value: unknown): FieldChanges {
  const touched = wholeField(shape, value)
  return touched === leaf ? leafTouched : { touched }
}

function removal(shape: Shape, value: unknown): FieldChanges {
  const removed = wholeField(shape, value)
  return removed === leaf ? leafRemoved : { removed }
}

/** Items with the same key more than once count as one that is compared as a whole. */
function compareItems(shape: Shape, before: readonly unknown[], after: readonly unknown[]): FieldChanges | undefined {
  if (haveSameKeys(shape.keys, before, after)) return compareInPlace(shape, before, after)
  const result = new Changes()
  const { items } = shape
  const [old, now] = [itemsByStep(shape, before), itemsByStep(shape, after)]
  const compare = (step: string, was: unknown, is: unknown): void => {
    if (!(was instanceof Repeated) && !(is instanceof Repeated)) {
      const changes = compareMember(items, was, is)
      if (changes !== undefined) result.put(step, changes)
    } else if (was instanceof Repeated && is instanceof Repeated) {
      if (!sameJson(was.items, is.items)) result.put(step, leafTouched)
    } else if (was instanceof Repeated) {
      if (is !== undefined) result.put(step, addition(items, is))
      result.put(step, leafRemoved)
    } else {
      if (was !== undefined) result.put(step, removal(items, was))
      result.put(step, leafTouched)
    }
  }
  for (const [step, item] of now) compare(step, old.get(step), item)
  for (const [step, item] of old) if (!now.has(step)) compare(step, item, undefined)
  return result.all()
}

/** Longer lists are not looked through for each item. */
const shortList = 32

/** Whether two lists have items of the same keys at the same places, each key once, as those have that were only updated. */
function haveSameKeys(keys: readonly string[], before: readonly unknown[], after: readonly unknown[]): boolean {
  if (keys.length === 0 || before.length !== after.length || before.length > shortList) return false
  for (let at = 0; at < after.length; at++) {
    if (!areSameIn(keys, before[at], after[at])) return false
    for (let other = 0; other < at; other++) if (areSameIn(keys, after[other], after[at])) return false
  }
  return true
}

function areSameIn(keys: readonly string[], a: unknown, b: unknown): boolean {
  if (!isObject(a) || !isObject(b)) return false
  for (const key of keys) if (a[key] !== b[key]) return false
  return true
}

function compareInPlace(shape: Shape, before: readonly unknown[], after: readonly unknown[]): FieldChanges | undefined {
  const result = new Changes()
  for (let at = 0; at < after.length; at++) {
    const changes = compareFields(shape.items, before[at], after[at])
    if (changes === undefined) continue
    const step = shape.step!(after[at])
    if (typeof step === 'string') result.put(step, changes)
  }
  return result.all()
}

/** Collects the changes below one node. */
class Changes {
  #touched: Building | undefined
  #removed: Building | undefined

  put(step: string, { touched, removed }: FieldChanges): void {
    if (touched !== undefined) (this.#touched ??= {})[step] = touched
    if (removed !== undefined) (this.#removed ??= {})[step] = removed
  }

  all(): FieldChanges | undefined {
    const [touched, removed] = [this.#touched, this.#removed]
    return touched === undefined && removed === undefined ? undefined : { touched, removed }
  }
}

/** A value as a member with everything below it, as one is that was not there before. */
function wholeField(shape: Shape, value: unknown): FieldSet {
  return typeof value !== 'object' || value === null ? leaf : wholeFields(shape, value)
}

/** What is below a member. */
function below(node: FieldSet): FieldSet | undefined {
  if (node === leaf) return undefined
  const { '.': _, ...rest } = node
  return rest
}

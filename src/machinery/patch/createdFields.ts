// Which fields a new object sets: what its creator comes to own.
import { deepFreeze } from '#lib/encoding/deepFreeze.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { fieldSetText, leaf, sharedText, type FieldSet } from './fieldSet.ts'
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
import { isDivided, isKeyed, type Field, type Shape } from './fieldShape.ts'
import { compareSteps } from './fieldSteps.ts'
import { Structures } from './fieldStructure.ts'

/**
 * The fields that a new object sets, beyond what every object of its kind has (`empty`, always the same for one shape).
 * Which they are depends on its structure alone, so they are found out once for all pods of a template. Undefined: as
 * text they would have more than `most` characters.
 */
export function createdFields(shape: Shape, empty: object, object: object): FieldSet
export function createdFields(shape: Shape, empty: object, object: object, most?: number): FieldSet | undefined
export function createdFields(shape: Shape, empty: object, object: object, most = Infinity): FieldSet | undefined {
  const structure = structures.of(shape, empty, object)
  const fields = structure?.fields ?? fieldsWithin(shape, empty, object, most)
  if (fields === undefined) return undefined
  if (structure !== undefined) structure.fields = fields
  return most === Infinity || fieldSetText(fields).length <= most ? fields : undefined
}

const structures = new Structures()
const parts = new Structures()

/** What a part of an object sets that was not there before, with itself. Found out once for all parts of one structure, too. */
export function wholeFields(shape: Shape, value: object): FieldSet {
  if (isKeyed(shape, value)) return wholeItems(shape, value)
  const structure = parts.ofPart(shape, value)
  if (structure?.fields !== undefined) return structure.fields
  const text = wholeText(shape, value)
  const fields = text === '{}' ? leaf : deepFreeze(JSON.parse(text) as FieldSet)
  if (structure !== undefined) structure.fields = fields
  return fields
}

/** The items of a list have keys that are often those of one object alone, such as its addresses; what is below them is not. */
function wholeItems(shape: Shape, list: readonly unknown[]): FieldSet {
  const found = itemsByStep(shape, list)
  if (found.size === 0) return leaf
  const set: Record<string, FieldSet> = { '.': leaf }
  for (const step of inOrder(found)) {
    const item = found.get(step)
    const isWhole = item instanceof Repeated || typeof item !== 'object' || item === null
    set[step] = isWhole ? leaf : wholeFields(shape.items, item)
  }
  return Object.freeze(set)
}

const inOrder = (found: ReadonlyMap<string, unknown>): Iterable<string> =>
  found.size > 1 ? [...found.keys()].sort(compareSteps) : found.keys()

function fieldsWithin(shape: Shape, empty: object, object: object, most: number): FieldSet | undefined {
  longestText = most
  try {
    const text = createdText(shape, empty, object)
    return text === '' ? leaf : sharedText(text)
  } catch (error) {
    if (error instanceof TooLong) return undefined
    throw error
  } finally {
    longestText = Infinity
  }
}

/** How long the text that is being written may become. */
let longestText = Infinity

class TooLong extends Error {}

/** Every member and item takes at least so many characters: `"f:":{},`. */
const shortestField = 8

function checkCount(count: number): void {
  if (count * shortestField > longestText) throw new TooLong()
}

/** The text of a part; there is no use in going on when that alone is longer than the whole may be. */
function fitting(text: string): string {
  if (text.length > longestText) throw new TooLong()
  return text
}

/** What is set below a node, as JSON; empty: nothing. */
function createdText(shape: Shape, before: unknown, value: unknown): string {
  if (before === undefined) return wholeText(shape, value)
  const parts = commonParts(partsOf(shape, before), partsOf(shape, value))
  if (isEmpty(value)) return sameJson(before, value) ? '' : '{}'
  if (parts === 'members') {
    return nodeText('', membersText(shape, value as Members, (before ?? noMembers) as Members))
  }
  if (parts === 'items') return nodeText('', itemsText(shape, value as readonly unknown[]))
  return sameJson(before, value) ? '' : '{}'
}

const selfText = '".":{}'

/** A node as JSON, given what is in it; empty where there is nothing. */
function nodeText(own: string, below: string): string {
  if (below === '') return own === '' ? '' : '{}'
  return own === '' ? `{${below}}` : `{${own},${below}}`
}

/** What a value sets, with itself, as JSON. */
function wholeText(shape: Shape, value: unknown): string {
  if (typeof value !== 'object' || value === null) return '{}'
  if (isDivided(shape, value)) return nodeText(selfText, membersText(shape, value, noMembers))
  return isKeyed(shape, value) ? nodeText(selfText, itemsText(shape, value)) : '{}'
}

/** The members of a map or struct that are other than before. */
function membersText(shape: Shape, value: Members, before: Members): string {
  const { fields, values } = shape
  let text = ''
  const put = (key: string, inner: Shape, name: string): void => {
    const below = createdText(inner, memberOf(before, name), value[name])
    if (below !== '') text = fitting(`${text}${text === '' ? '' : ','}${key}${below}`)
  }
  if (values === undefined) {
    for (const { name, key, shape: inner } of byRank(fields, value)) put(key, inner!, name)
    return text
  }
  const names = Object.keys(value)
  checkCount(names.length)
  for (const name of names.sort()) {
    const field = fields.get(name)
    const inner = field === undefined ? values : field.shape
    if (inner !== undefined && value[name] !== undefined) put(`${JSON.stringify(`f:${name}`)}:`, inner, name)
  }
  return text
}

/** The fields that a struct has set, by name. */
function byRank(fields: ReadonlyMap<string, Field>, value: Members): readonly Field[] {
  const found: Field[] = []
  for (const name in value) {
    const field = fields.get(name)
    if (field?.shape === undefined || value[name] === undefined) continue
    // Few fields of many: putting each in its place is the quickest way to sort them.
    let at = found.push(field) - 1
    for (; at > 0 && found[at - 1]!.rank > field.rank; at--) found[at] = found[at - 1]!
    found[at] = field
  }
  return found
}

function itemsText(shape: Shape, list: readonly unknown[]): string {
  const { items } = shape
  checkCount(list.length)
  const found = itemsByStep(shape, list)
  let text = ''
  for (const step of inOrder(found)) {
    const item = found.get(step)
    const below = item instanceof Repeated ? '{}' : wholeText(items, item)
    text = fitting(`${text}${text === '' ? '' : ','}${JSON.stringify(step)}:${below}`)
  }
  return text
}

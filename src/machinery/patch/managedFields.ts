// Who owns which fields of an object: the entries of `metadata.managedFields`, and what a write makes of them. Clients
// that apply own what they named; all others own what they changed. The rules are those of KEP-555.
import type { ManagedFieldsEntry } from '#api/meta/v1/objectMeta.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import {
  difference,
  fieldSetText,
  intersection,
  isEmptySet,
  leaf,
  pathsOf,
  readFieldSet,
  shared,
  fieldsNamed,
  union,
  type FieldSet,
} from './fieldSet.ts'
import { fieldPathText } from './fieldSteps.ts'
import type { FieldChanges } from './changedFields.ts'

/** One owner: an entry that says everything, with its fields in order. */
export interface Owner extends ManagedFieldsEntry {
  readonly manager: string
  readonly operation: 'Apply' | 'Update'
  readonly apiVersion: string
  readonly fieldsType: 'FieldsV1'
  readonly fieldsV1: FieldSet
}

/** All owners of an object, in the order in which they are written. Never changed: many objects may share them. */
export type Owners = readonly Owner[]

/** The lists of owners that were made here, with their texts once somebody asked. */
const made = new WeakMap<readonly unknown[], { text?: string }>()

/** Whether a list of entries is one of owners, and not something that only looks like it. */
export function areOwners(entries: readonly unknown[]): entries is Owners {
  return made.has(entries)
}

/** Owners as they are read back from the store, which holds only what was made here. */
export function storedOwners(entries: readonly ManagedFieldsEntry[]): Owners {
  const owners = entries.map((entry) =>
    Object.freeze({ ...entry, fieldsV1: shared((entry.fieldsV1 ?? {}) as FieldSet) }),
  )
  return register(owners as unknown as Owner[])
}

function register(owners: Owner[]): Owners {
  made.set(owners, {})
  return Object.freeze(owners)
}

/** Who writes, in what way. */
export type Writer = Pick<Owner, 'manager' | 'operation' | 'apiVersion'> & { readonly subresource?: string }

/** Owners by updates; of more, the oldest are taken together. */
const mostUpdaters = 10

/** Whom the fields belong to that nobody owned when an object was first applied. */
export const beforeFirstApply = 'before-first-apply'
/** Whom the fields of the oldest updates belong to. */
const ancientChanges = 'ancient-changes'

/**
 * Reads entries that a client sent. Undefined: they cannot be understood, and those that are stored stay. What the
 * store holds needs no reading: it was written here.
 */
export function readOwners(entries: readonly ManagedFieldsEntry[]): Owners | undefined {
  const owners = new Map<string, Owner>()
  for (const entry of entries) {
    const { manager = '', operation, apiVersion = '', time, fieldsType, fieldsV1 = {}, subresource = '' } = entry
    const fields = readFieldSet(fieldsV1)
    const isKnown = operation === 'Apply' || operation === 'Update'
    if (!isKnown || apiVersion === '' || fieldsType !== 'FieldsV1' || fields === undefined) return undefined
    const owner = ownerOf({ manager, operation, apiVersion, subresource }, fields, time)
    owners.set(identityOf(owner), owner)
  }
  return inWrittenOrder([...owners.values()])
}

/** Whether a client asks to forget all owners: one entry that says nothing. */
export function resetsOwners(entries: readonly ManagedFieldsEntry[]): boolean {
  return entries.length === 1 && Object.values(entries[0]!).every((value) => value === undefined)
}

/** Whether entries say what the stored ones say, as those of a client do that only sends them back. */
export function sameOwners(entries: readonly ManagedFieldsEntry[], owners: Owners): boolean {
  if (entries === owners) return true
  if (entries.length !== owners.length) return false
  return entries.every((entry, at) => entry === owners[at] || sameJson(entry, owners[at]))
}

/** Members in the order of the API. */
function ownerOf(
  { manager, operation, apiVersion, subresource = '' }: Writer,
  fields: FieldSet,
  time: string | undefined,
): Owner {
  return Object.freeze({
    manager,
    operation,
    apiVersion,
    ...(time === undefined ? {} : { time }),
    fieldsType: 'FieldsV1',
    fieldsV1: shared(fields),
    ...(subresource === '' ? {} : { subresource }),
  })
}

/** The same owner of other fields. */
export function withFields(owner: Owner, fields: FieldSet, time = owner.time): Owner {
  return fields === owner.fieldsV1 && time === owner.time ? owner : ownerOf(owner, fields, time)
}

/** Who an owner is. An applier is the same whatever version it applies in. */
function isSame(a: Writer, b: Writer): boolean {
  return (
    a.manager === b.manager &&
    a.operation === b.operation &&
    (a.subresource ?? '') === (b.subresource ?? '') &&
    (a.operation === 'Apply' || a.apiVersion === b.apiVersion)
  )
}

/** A text that is equal for the same owner. */
function identityOf({ manager, operation, apiVersion, subresource }: Writer): string {
  return JSON.stringify({
    manager,
    operation,
    ...(operation === 'Apply' ? {} : { apiVersion }),
    ...(subresource === undefined || subresource === '' ? {} : { subresource }),
  })
}

/** Appliers first, then by time to the second, then by name. */
export function inWrittenOrder(owners: Owner[]): Owners {
  if (owners.length > 1) {
    owners.sort(
      (a, b) =>
        compareTexts(a.operation, b.operation) ||
        compareTexts(a.time ?? '', b.time ?? '') ||
        compareTexts(a.manager, b.manager) ||
        compareTexts(a.apiVersion, b.apiVersion) ||
        compareTexts(a.subresource ?? '', b.subresource ?? ''),
    )
  }
  return register(owners)
}

const compareTexts = (a: string, b: string): number => (a === b ? 0 : a < b ? -1 : 1)

/** Nobody owns metadata as a whole. */
const wholeMetadata = fieldsNamed('metadata')

const created = new WeakMap<FieldSet, Owners>()

/** Owners of a new object: whoever made it. Objects that say the same and are made at the same time share them. */
export function afterCreate(writer: Writer, fields: FieldSet, time: string): Owners {
  const own = difference(fields, wholeMetadata)
  if (isEmptySet(own)) return []
  const last = created.get(own)
  if (last !== undefined && last[0]!.time === time && isSame(last[0]!, writer)) return last
  const owners = register([ownerOf(writer, own, time)])
  created.set(owners[0]!.fieldsV1, owners)
  return owners
}

/** What a write changed, in the form of the version that an owner's fields are written in; `gone`: it is not served any more. */
export type ChangesIn = (apiVersion: string) => FieldChanges | undefined | 'gone'

/** Owners after a write that was no apply: the writer takes what it changed from everybody. */
export function afterUpdate(owners: Owners, writer: Writer, changesIn: ChangesIn, time: string | undefined): Owners {
  const own = changesIn(writer.apiVersion)
  const touched = own === undefined || own === 'gone' ? leaf : difference(own.touched ?? leaf, wholeMetadata)
  const isTouched = !isEmptySet(touched)
  const left: Owner[] = []
  let isKnown = false
  for (const owner of owners) {
    const changes = owner.apiVersion === writer.apiVersion ? own : changesIn(owner.apiVersion)
    if (changes === 'gone') continue
    if (isSame(owner, writer)) {
      isKnown = true
      const fields = union(difference(owner.fieldsV1, changes?.removed ?? leaf), touched)
      if (!isEmptySet(fields)) left.push(withFields(owner, fields, isTouched ? time : owner.time))
      continue
    }
    const fields = changes === undefined ? owner.fieldsV1 : withoutChanges(owner.fieldsV1, changes)
    if (!isEmptySet(fields)) left.push(withFields(owner, fields))
  }
  if (isTouched && !isKnown) left.push(ownerOf(writer, touched, time))
  if (left.length === owners.length && left.every((owner, at) => owner === owners[at])) return owners
  return inWrittenOrder(withoutAncient(left))
}

/** What is left of an owner's fields when others set or removed some. */
function withoutChanges(fields: FieldSet, { touched = leaf, removed = leaf }: FieldChanges): FieldSet {
  return difference(difference(fields, touched), removed)
}

/** Takes the oldest owners by update together, those of one version at a time, until there are few enough. */
function withoutAncient(owners: readonly Owner[]): Owner[] {
  const updaters = owners.filter(({ operation }) => operation === 'Update')
  let count = updaters.length
  if (count <= mostUpdaters) return [...owners]
  updaters.sort((a, b) => compareTexts(a.time ?? '', b.time ?? '') || compareTexts(identityOf(a), identityOf(b)))
  const left = new Set(owners)
  const oldest = new Map<string, Owner>()
  for (const owner of updaters) {
    if (count <= mostUpdaters) break
    const older = oldest.get(owner.apiVersion)
    if (older === undefined) {
      oldest.set(owner.apiVersion, owner)
      continue
    }
    const writer: Writer = { manager: ancientChanges, operation: 'Update', apiVersion: owner.apiVersion }
    const together = ownerOf(writer, union(older.fieldsV1, owner.fieldsV1), owner.time)
    left.delete(older)
    left.delete(owner)
    left.add(together)
    oldest.set(owner.apiVersion, together)
    count--
  }
  return [...left]
}

/** A field that an apply would take from somebody else. */
export interface FieldConflict {
  readonly owner: Owner
  /** As messages write it: `.spec.replicas`. */
  readonly path: string
  readonly steps: readonly string[]
}

/** An apply, as far as owners are concerned. */
export interface Application {
  readonly writer: Writer
  /** What the client named, without what it may not own. */
  readonly fields: FieldSet
  /** What the merged object has different. */
  readonly changesIn: ChangesIn
  readonly force: boolean
  readonly time: string
}

/** Owners after an apply; or the fields of others that it would change, unless it is forced to. */
export function afterApply(
  owners: Owners,
  { writer, fields, changesIn, force, time }: Application,
): { readonly owners: Owners } | { readonly conflicts: readonly FieldConflict[] } {
  const left: Owner[] = []
  const conflicts: FieldConflict[] = []
  for (const owner of owners) {
    if (isSame(owner, writer)) continue
    const changes = changesIn(owner.apiVersion)
    if (changes === 'gone') continue
    if (changes !== undefined && !force) {
      for (const steps of pathsOf(intersection(owner.fieldsV1, changes.touched ?? leaf))) {
        conflicts.push({ owner, steps, path: fieldPathText(steps) })
      }
    }
    const others = changes === undefined ? owner.fieldsV1 : withoutChanges(owner.fieldsV1, changes)
    if (!isEmptySet(others)) left.push(withFields(owner, others))
  }
  if (conflicts.length > 0) {
    const byOwner = (a: FieldConflict, b: FieldConflict): number =>
      compareTexts(identityOf(a.owner), identityOf(b.owner))
    return { conflicts: conflicts.sort(byOwner) }
  }
  const own = difference(fields, wholeMetadata)
  if (!isEmptySet(own)) left.push(ownerOf(writer, own, time))
  return { owners: inWrittenOrder(left) }
}

/** The owner that a writer is already. */
export function ownerAs(owners: Owners, writer: Writer): Owner | undefined {
  return owners.find((owner) => isSame(owner, writer))
}

/** Whether owners differ in nothing but times. */
export function differInTime(a: Owners, b: Owners): boolean {
  return a.length === b.length && a.every((owner, at) => owner.fieldsV1 === b[at]!.fieldsV1 && isSame(owner, b[at]!))
}

/** How messages name an owner: `"kubectl" with subresource "scale" using apps/v1`. */
export function ownerText({ manager, operation, apiVersion, subresource }: Owner): string {
  const through = subresource === undefined ? '' : ` with subresource ${JSON.stringify(subresource)}`
  return `${JSON.stringify(manager)}${through}${operation === 'Update' ? ` using ${apiVersion}` : ''}`
}

/** What a client is told whose apply would change the fields of others. */
export function conflictText(conflicts: readonly FieldConflict[]): string {
  if (conflicts.length === 1) {
    return `Apply failed with 1 conflict: conflict with ${ownerText(conflicts[0]!.owner)}: ${conflicts[0]!.path}`
  }
  const lines = [...Map.groupBy(conflicts, ({ owner }) => ownerText(owner))].flatMap(([owner, fields]) => [
    `conflicts with ${owner}:`,
    ...fields.map(({ path }) => `- ${path}`),
  ])
  return `Apply failed with ${conflicts.length} conflicts: ${lines.join('\n')}`
}

/** The entries of an object as JSON. */
export function ownersText(owners: Owners): string {
  const known = made.get(owners)
  if (known === undefined) return `[${owners.map(ownerJson).join(',')}]`
  return (known.text ??= `[${owners.map(ownerJson).join(',')}]`)
}

function ownerJson(owner: Owner): string {
  const { manager, operation, apiVersion, time, fieldsV1, subresource } = owner
  const text = JSON.stringify
  return (
    `{"manager":${text(manager)},"operation":"${operation}","apiVersion":${text(apiVersion)}` +
    `${time === undefined ? '' : `,"time":"${time}"`},"fieldsType":"FieldsV1","fieldsV1":${fieldSetText(fieldsV1)}` +
    `${subresource === undefined ? '' : `,"subresource":${text(subresource)}`}}`
  )
}

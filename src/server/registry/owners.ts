// Keeps `metadata.managedFields` true: each write takes the fields that it changed from whoever owned them.
import type { ManagedFieldsEntry } from '#api/meta/v1/objectMeta.ts'
import { apiVersionOf, type KubeObject } from '#api/resource.ts'
import { roomBeside } from '#lib/encoding/jsonSize.ts'
import { decodeValue } from '#machinery/codec/schemaDecoder.ts'
import { ownedShape, shapeWithout, type Shape } from '#machinery/patch/fieldShape.ts'
import {
  afterCreate,
  afterUpdate,
  areOwners,
  beforeFirstApply,
  inWrittenOrder,
  readOwners,
  resetsOwners,
  sameOwners,
  withFields,
  type ChangesIn,
  type Owners,
} from '#machinery/patch/managedFields.ts'
import { compareFields, compareFieldsAt, type FieldChanges } from '#machinery/patch/changedFields.ts'
import { createdFields } from '#machinery/patch/createdFields.ts'
import { fittedFields } from '#machinery/patch/namedFields.ts'
import type { Schema } from '#machinery/schema/model.ts'
import { timeText } from '#machinery/time.ts'
import type { Kind } from '../kind.ts'
import { storedKind, toOwnForm } from '../versions.ts'
import type { Subresource } from '../strategy.ts'
import { largestObject } from './commit.ts'
import type { RegistryContext, WriteOptions } from './context.ts'

/** A part of a kind through which a write comes. */
export interface Through {
  readonly name: string
  readonly rules: Subresource
}

/** What a write does to owners: the writer gets what it changes; they stay as they are; the object says them already. */
export type OwnerRule = 'follow' | 'stay' | 'said'

const nobody: Owners = []

/** The owners of a stored object: what the store holds was written by `setOwners`. */
export function ownersOf({ metadata }: KubeObject): Owners {
  return (metadata.managedFields ?? nobody) as Owners
}

/** The owners of a stored object as its schema means them now, which custom kinds may have changed since. */
function currentOwners(context: RegistryContext, kind: Kind, object: KubeObject): Owners {
  const owners = ownersOf(object)
  if (kind.custom === undefined) return owners
  const fitted = owners.map((owner) => {
    const form = kindIn(context, kind, owner.apiVersion)
    return form === undefined ? owner : withFields(owner, fittedFields(ownedShape(form.schema), owner.fieldsV1))
  })
  return fitted.every((owner, at) => owner === owners[at]) ? owners : inWrittenOrder(fitted)
}

/** Writes the owners into an object that is not stored yet. */
export function setOwners({ metadata }: KubeObject, owners: Owners): void {
  if (owners.length === 0) delete metadata.managedFields
  else metadata.managedFields = owners as readonly ManagedFieldsEntry[] as ManagedFieldsEntry[]
}

/** Makes the writer own everything that it sets in a new object. */
export function ownCreated(context: RegistryContext, kind: Kind, object: KubeObject, options: WriteOptions): void {
  const { managedFields = nobody } = object.metadata
  const given = managedFields.length === 0 ? nobody : (readOwners(managedFields) ?? nobody)
  const time = timeText(context.clock.now())
  if (given.length > 0) {
    const changes = changesBetween(context, kind, options, undefined, object)
    return setOwners(object, afterUpdate(given, writerOf(kind, options), changes, time))
  }
  const { form = kind } = options
  const room = options.isLarge === true ? roomBeside(object, largestObject) : undefined
  const fields = createdFields(mainShape(form), emptyObject(form.schema), toOwnForm(form, object), room)
  // What does not fit beside the object is not stored with it.
  setOwners(object, fields === undefined ? nobody : afterCreate(writerOf(kind, options), fields, time))
}

/** Makes the writer own what it changes. Objects that nobody owns anything of stay so until they are applied. */
export function ownUpdated(
  context: RegistryContext,
  kind: Kind,
  object: KubeObject,
  old: KubeObject,
  options: WriteOptions,
  through?: Through,
): void {
  const stored = currentOwners(context, kind, old)
  const owners = through === undefined ? ownersSent(object, stored) : stored
  if (owners.length === 0) return setOwners(object, owners)
  const changes = changesBetween(context, kind, options, old, object, through)
  // Upstream never says when a scale was changed.
  const time = through?.rules.body === undefined ? timeText(context.clock.now()) : undefined
  setOwners(object, afterUpdate(owners, writerOf(kind, options, through?.name), changes, time))
}

/** The owners that a client sends, unless it leaves them out or does not understand them. */
function ownersSent({ metadata }: KubeObject, stored: Owners): Owners {
  const sent = metadata.managedFields
  if (sent === undefined || sent.length === 0 || sameOwners(sent, stored)) return stored
  if (areOwners(sent)) return sent
  if (resetsOwners(sent)) return nobody
  return readOwners(sent) ?? stored
}

/** The owners of an object before it is applied: whoever set what nobody owns is not known. */
export function ownersBeforeApply(
  context: RegistryContext,
  kind: Kind,
  old: KubeObject,
  options: WriteOptions,
  through?: Through,
): Owners {
  const owners = currentOwners(context, kind, old)
  if (owners.length > 0) return owners
  const writer = writerOf(kind, { ...options, manager: beforeFirstApply }, through?.name)
  const changes = changesBetween(context, kind, options, undefined, old, through)
  return afterUpdate(nobody, writer, changes, timeText(context.clock.now()))
}

/** Owners that admission changed must still be owners. */
export function checkOwners(
  object: KubeObject,
  before: readonly ManagedFieldsEntry[] | undefined,
  warn: WriteOptions['warn'],
): void {
  const now = object.metadata.managedFields
  if (now === before || (now !== undefined && before !== undefined && sameOwners(now, before as Owners))) {
    setOwners(object, (before ?? nobody) as Owners)
    return
  }
  const owners = readOwners(now ?? nobody)
  if (owners === undefined) {
    warn(
      '.metadata.managedFields was in an invalid state after admission; this could be caused by an outdated mutating admission controller; please fix your requests',
    )
  }
  setOwners(object, owners ?? ((before ?? nobody) as Owners))
}

export function writerOf(
  kind: Kind,
  { manager, form = kind }: WriteOptions,
  subresource = '',
): {
  readonly manager: string
  readonly operation: 'Update'
  readonly apiVersion: string
  readonly subresource: string
} {
  return { manager, operation: 'Update', apiVersion: versionOf(form), subresource }
}

const versions = new WeakMap<Kind, string>()

function versionOf(kind: Kind): string {
  let version = versions.get(kind)
  if (version === undefined) versions.set(kind, (version = apiVersionOf(kind.resource)))
  return version
}

/** What differs between two stored objects, in the form of each version that somebody owns fields in. */
export function changesBetween(
  context: RegistryContext,
  kind: Kind,
  { form = kind }: WriteOptions,
  old: KubeObject | undefined,
  object: KubeObject,
  through?: Through,
): ChangesIn {
  const own = versionOf(form)
  let inOwn: { readonly changes: FieldChanges | undefined } | undefined
  return (apiVersion) => {
    if (apiVersion === own) return (inOwn ??= { changes: changesInForm(form, old, object, through) }).changes
    const other = kindIn(context, kind, apiVersion)
    return other === undefined ? 'gone' : changesInForm(other, old, object, through)
  }
}

function changesInForm(
  form: Kind,
  old: KubeObject | undefined,
  object: KubeObject,
  through: Through | undefined,
): FieldChanges | undefined {
  const before = old === undefined ? emptyObject(form.schema) : toOwnForm(form, old)
  const after = toOwnForm(form, object)
  const places = through?.rules.writes
  if (places === undefined) return compareFields(mainShape(form), before, after)
  return compareFieldsAt(ownedShape(form.schema), before, after, places)
}

/** The kind of another version that shows the same stored objects. */
export function kindIn({ kinds }: RegistryContext, kind: Kind, apiVersion: string): Kind | undefined {
  const slash = apiVersion.indexOf('/')
  const [group, version] = slash < 0 ? ['', apiVersion] : [apiVersion.slice(0, slash), apiVersion.slice(slash + 1)]
  const found = kinds.find(group, version, kind.resource.plural)
  return found?.cache === kind.cache ? found : undefined
}

const mainShapes = new WeakMap<Kind, Shape>()

/** What can be owned through the main resource: not what only subresources may change. */
export function mainShape(kind: Kind): Shape {
  let shape = mainShapes.get(kind)
  if (shape === undefined) {
    shape = shapeWithout(ownedShape(kind.schema), storedKind(kind).strategy.reserved ?? [])
    mainShapes.set(kind, shape)
  }
  return shape
}

const emptyObjects = new WeakMap<Schema, object>()

/** What an object holds that says nothing: the structs that are always there. */
export function emptyObject(schema: Schema): object {
  let empty = emptyObjects.get(schema)
  if (empty === undefined) {
    const decoded = schema.definition === undefined ? { value: { metadata: {} } } : decodeValue(schema, {})
    if ('problem' in decoded) throw new Error(`Cannot make an empty object: ${decoded.problem}`)
    emptyObjects.set(schema, (empty = decoded.value))
  }
  return empty
}

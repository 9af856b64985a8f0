// Server-side apply (KEP-555): PATCH with what the client wants to have of an object, which is created when it is not there.
import { apiVersionOf, type KubeObject } from '#api/resource.ts'
import { doAtOnce, doInTurns, type Steps } from '#lib/async/steps.ts'
import { yieldToEventLoop } from '#lib/async/yield.ts'
import { exceedsJsonSize, roomBeside } from '#lib/encoding/jsonSize.ts'
import type { Form, FormOf } from '#machinery/patch/apply.ts'
import { fieldsNamed, within } from '#machinery/patch/fieldSet.ts'
import { objectShape, ownedShape } from '#machinery/patch/fieldShape.ts'
import { afterUpdate, beforeFirstApply, type Owners, type Writer } from '#machinery/patch/managedFields.ts'
import { compareFields } from '#machinery/patch/changedFields.ts'
import { fewNamedFields, namedFields } from '#machinery/patch/namedFields.ts'
import { ownersBehindView, viewOwners } from '#machinery/patch/viewOwners.ts'
import { schemaOfKind } from '#machinery/schema/load.ts'
import type { GroupVersionKind, JsonObject } from '#machinery/schema/model.ts'
import { conflict, methodNotAllowed } from '#machinery/status.ts'
import { timeText } from '#machinery/time.ts'
import { authorizeCreation } from '../authorize/creation.ts'
import { refineObject } from '../decode.ts'
import { writeOptions, type Exchange } from '../exchange.ts'
import type { Kind } from '../kind.ts'
import { copyPath, thaw, thawObject } from '../objects.ts'
import { parseWriteOptions } from '../options.ts'
import { storedKind, toOwnForm, toStoredForm, workingForm } from '../versions.ts'
import { readApply } from '../readApply.ts'
import { applyTo, type Apply } from '../registry/apply.ts'
import { checkSize, largestObject, objectTooLarge } from '../registry/commit.ts'
import { servingContext, type RegistryContext } from '../registry/context.ts'
import {
  changesBetween,
  emptyObject,
  kindIn,
  mainShape,
  ownersBeforeApply,
  ownersOf,
  setOwners,
  type Through,
} from '../registry/owners.ts'
import { updateObject } from '../registry/update.ts'
import { objectReply, type ServerReply } from '../request.ts'
import { checkIdentity, checkName } from './names.ts'

/** The JSON of a field that somebody owns takes at least so many bytes: `"f:":{},`. */
const shortestField = 8

/** Answers an apply on an object, or on a part of it. */
export async function applyEndpoint(exchange: Exchange, kind: Kind, through?: Through): Promise<ServerReply> {
  const { server, info, request } = exchange
  const { registry } = server
  checkName(info.name)
  const query = parseWriteOptions(request.query, 'PatchOptions', true)
  const names = namesOf(kind)
  const applied = await readApply(exchange, names, objectShape(kind.schema), query.fieldValidation)
  const options = writeOptions(exchange, query.dryRun, query.fieldManager)
  const stored = storedKind(kind)
  const isWeighed = exchange.isLarge && stored.strategy.isOpen === true
  if (isWeighed) checkSize(applied as unknown as KubeObject)
  if (exchange.isLarge) await yieldToEventLoop()
  const places = through?.rules.writes
  const shape = places === undefined ? mainShape(kind) : ownedShape(kind.schema)
  // What is applied is stored with who owns it, or not at all.
  const room = isWeighed ? roomBeside(applied, largestObject) : Infinity
  const named = fewNamedFields(shape, applied, room / shortestField)
  if (named === undefined || (isWeighed && exceedsJsonSize(named, room))) throw objectTooLarge()
  if (exchange.isLarge) await yieldToEventLoop()
  const apply: Apply = {
    applied,
    writer: applierOf(query.fieldManager, apiVersionOf(kind.resource), through?.name),
    force: query.force,
    time: timeText(registry.clock.now()),
    formOf: formsOf(registry, stored, kind),
    fields: places === undefined ? named : within(named, fieldsNamed(...places)),
    settle: (object, live) => settle(object, live, places, stored.strategy.reserved ?? []),
    changes: (live, object) =>
      changesBetween(registry, stored, options, inStoredForm(kind, live), inStoredForm(kind, object), through),
  }
  const change = function* (live: object, ownersOfLive: () => Owners): Steps<KubeObject> {
    const owners = ownersOfLive()
    yield
    const result = yield* applyTo(apply, live as JsonObject, owners)
    yield
    const { object } = refineObject(names, result.object, 'Ignore', kind.schema)
    setOwners(object, result.owners)
    checkIdentity(object, kind, info.namespace, info.name)
    return toStoredForm(kind, object)
  }
  const create = function* (): Steps<KubeObject> {
    authorizeCreation(exchange)
    const object = yield* change(emptyObject(kind.schema), () => [])
    checkNew(object, kind)
    return object
  }
  const run = exchange.isLarge ? doInTurns<KubeObject> : doAtOnce<KubeObject>
  const written = await updateObject(
    registry,
    stored,
    {
      namespace: info.namespace,
      name: info.name,
      retryConflicts: true,
      owners: 'said',
      change: (old) =>
        run(
          change(withoutOwners(toOwnForm(kind, old)), () => ownersBeforeApply(registry, stored, old, options, through)),
        ),
      ...(through === undefined ? { createInstead: () => run(create()) } : { subresource: through }),
    },
    options,
  )
  return { type: 'stored', code: written.created ? 201 : 200, kind, stored: written.stored }
}

function namesOf({ resource }: Kind): GroupVersionKind {
  return { group: resource.group, version: resource.version, kind: resource.kind }
}

function applierOf(manager: string, apiVersion: string, subresource = ''): Writer {
  return { manager, operation: 'Apply', apiVersion, subresource }
}

/** An object that must exist already cannot be created. */
function checkNew({ metadata }: KubeObject, { resource }: Kind): void {
  const { uid = '', resourceVersion = '' } = metadata
  if (uid !== '') {
    const why = `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`
    throw conflict(resource, metadata.name, why)
  }
  if (resourceVersion === '' || resourceVersion === '0') delete metadata.resourceVersion
  else {
    throw conflict(
      resource,
      metadata.name,
      `resourceVersion mismatch: the provided object specified resourceVersion ${resourceVersion}, and no existing object was found`,
    )
  }
}

function withoutOwners(object: KubeObject): KubeObject {
  const { managedFields: _, ...metadata } = object.metadata
  return { ...object, metadata }
}

/** A private copy of the merged object, in which everything is as it was that this path may not change. */
function settle(
  object: JsonObject,
  live: JsonObject,
  places: readonly string[] | undefined,
  reserved: readonly string[],
): JsonObject {
  const settled = thaw(places === undefined ? object : live)
  for (const path of places ?? reserved) copyPath(settled, places === undefined ? live : object, path)
  return settled
}

/** The stored form of an object that is not to be changed. */
function inStoredForm(kind: Kind, object: unknown): KubeObject {
  return kind.storedAs === undefined ? (object as KubeObject) : toStoredForm(kind, thaw(object) as KubeObject)
}

/** The versions of a kind, seen from the one in which it is applied. */
function formsOf(registry: RegistryContext, stored: Kind, kind: Kind): FormOf {
  const own: Form = { shape: objectShape(kind.schema), from: (object) => object, back: (object) => object }
  const known = new Map<string, Form | undefined>([[apiVersionOf(kind.resource), own]])
  return (apiVersion) => {
    if (known.has(apiVersion)) return known.get(apiVersion)
    const other = kindIn(registry, stored, apiVersion)
    const form: Form | undefined = other && {
      shape: objectShape(other.schema),
      from: (object) => toOwnForm(other, inStoredForm(kind, object)),
      back: (object) => toOwnForm(kind, inStoredForm(other, object)),
    }
    known.set(apiVersion, form)
    return form
  }
}

/** Where views show the field that they are about. */
const shownField = 'spec.replicas'

/** Answers an apply on a subresource that shows one field of its object in another shape (`scale`). */
export async function applyViewEndpoint(exchange: Exchange, kind: Kind, through: Through): Promise<ServerReply> {
  const { server, info, request } = exchange
  const { registry } = server
  const { body, read, write, writes: [place] = [] } = through.rules
  const schema = body === undefined ? undefined : schemaOfKind(body)
  if (body === undefined || schema === undefined || !read || !write || place === undefined) throw methodNotAllowed()
  checkName(info.name)
  const query = parseWriteOptions(request.query, 'PatchOptions', true)
  const options = writeOptions(exchange, query.dryRun, query.fieldManager)
  const shape = objectShape(schema)
  const applied = await readApply(exchange, body, shape, query.fieldValidation)
  const apply: Apply = {
    applied,
    writer: applierOf(query.fieldManager, apiVersionOf(body), through.name),
    force: query.force,
    time: timeText(registry.clock.now()),
    formOf: () => ({ shape, from: (object) => object, back: (object) => object }),
    fields: within(namedFields(ownedShape(schema), applied), fieldsNamed(shownField)),
    settle: (object) => object,
    changes: (live, object) => () => compareFields(ownedShape(schema), live, object),
  }
  const field = { shown: shownField, place }
  /** Whoever set what nobody owns. */
  const unknownSetter = (view: KubeObject): Owners =>
    afterUpdate(
      [],
      { ...apply.writer, operation: 'Update', manager: beforeFirstApply },
      () => compareFields(ownedShape(schema), {}, view),
      apply.time,
    )
  const { stored } = await updateObject(
    registry,
    kind,
    {
      namespace: info.namespace,
      name: info.name,
      retryConflicts: true,
      owners: 'said',
      subresource: through,
      change(old) {
        const view = read(old)
        const before = viewOwners(ownersOf(old), field)
        const setters = before.length > 0 ? before : unknownSetter(view)
        const result = doAtOnce(applyTo(apply, view as unknown as JsonObject, setters))
        const sent = refineObject(body, result.object, 'Ignore').object
        checkIdentity(sent, kind, info.namespace, info.name)
        const object = thawObject(old)
        write(object, sent, servingContext(registry, options))
        object.metadata.resourceVersion = sent.metadata.resourceVersion ?? ''
        const after = { before, after: result.owners }
        setOwners(object, ownersBehindView(ownersOf(old), after, field, apiVersionOf(kind.resource)))
        return object
      },
    },
    options,
  )
  return objectReply(read((await workingForm(kind, stored)).object))
}

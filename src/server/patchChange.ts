// The three forms of patches, and what is said of each when it cannot be read, does not fit, or makes something of an
// object that the kind does not allow.
import type { DecodedJson } from '#lib/encoding/json.ts'
import { dotted } from '#machinery/codec/body.ts'
import { conversionProblem } from '#machinery/codec/explainConversion.ts'
import { applyJsonPatch, JsonPatchError, maximumOperations, readJsonPatch } from '#machinery/patch/json.ts'
import { applyMergePatch, isJsonObject, type Json, type JsonObject } from '#machinery/patch/merge.ts'
import { applyStrategicMergePatch, goText, StrategicPatchError } from '#machinery/patch/strategic.ts'
import { schemaOfKind } from '#machinery/schema/load.ts'
import type { GroupVersionKind, Schema } from '#machinery/schema/model.ts'
import { badRequest, failure, requestTooLarge } from '#machinery/status.ts'
import { plainFailure, unsupportedMediaType } from './errors.ts'

/** The body of a PATCH, or why it is no JSON. */
export type PatchBody = DecodedJson

/** A patch in one of its forms, whatever object it is for. */
export interface PatchChange {
  /** The patched object, with parts of the old one that are as they were. Throws what the client is to be told. */
  apply(old: Json, kind: GroupVersionKind): Json
  /** What strict reading complains about in the patch itself. */
  complaints(): readonly string[]
  /** The order in which complaints about what came of it are told. */
  inOrder(complaints: readonly string[]): readonly string[]
  /** What messages quote when the patched object is not one of its kind. */
  quote(patched: JsonObject): string
  /** Why it is none; absent: as the decoder says. */
  explain?(schema: Schema, patched: JsonObject): string | undefined
}

const asTheyCome = (complaints: readonly string[]): readonly string[] => complaints

const noObject = (json: Json): string => {
  const word = Array.isArray(json) ? 'array' : typeof json === 'boolean' ? 'bool' : typeof json
  return `json: cannot unmarshal ${word} into Go value of type map[string]interface {}`
}

/** RFC 6902: a list of operations. */
export function readJsonChange(body: PatchBody): PatchChange {
  if ('problem' in body) throw badRequest(`error decoding patch: ${body.problem}`)
  const json = body.value as Json
  if (Array.isArray(json) && json.length > maximumOperations) {
    throw requestTooLarge(`The allowed maximum operations in a JSON patch is ${maximumOperations}, got ${json.length}`)
  }
  const operations = jsonPatchRefusals(() => readJsonPatch(json))
  return {
    apply: (old) => jsonPatchRefusals(() => applyJsonPatch(old, operations)),
    complaints: () => [
      ...body.duplicates().map((path) => `json patch duplicate field "${dotted(path)}"`),
      ...unknownMembers(json as readonly JsonObject[]).map((path) => `json patch unknown field "${path}"`),
    ],
    inOrder: asTheyCome,
    quote: (patched) => textOf(patched, (path) => operations.some((operation) => isOnTheWay(path, operation))),
  }
}

const operationMembers = new Set(['op', 'path', 'from', 'value'])

function unknownMembers(operations: readonly JsonObject[]): readonly string[] {
  return operations.flatMap((operation, index) =>
    Object.keys(operation)
      .filter((name) => !operationMembers.has(name))
      .map((name) => `[${index}].${name}`),
  )
}

function isOnTheWay(path: string, { path: to, from }: { readonly path: string; readonly from?: string }): boolean {
  return to.startsWith(`${path}/`) || from?.startsWith(`${path}/`) === true
}

function jsonPatchRefusals<T>(run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (!(error instanceof JsonPatchError)) throw error
    if (error.fault === 'malformed') throw badRequest(`error decoding patch: ${error.message}`)
    throw failure('Invalid', 'the server rejected our request due to an error in our request', {})
  }
}

/** RFC 7386: what is to be different. */
export function readMergeChange(body: PatchBody): PatchChange {
  if ('problem' in body) throw badRequest(`error decoding patch: ${body.problem}`)
  const json = body.value as Json
  if (!isJsonObject(json)) throw badRequest(`error decoding patch: ${noObject(json)}`)
  return {
    apply: (old) => applyMergePatch(old, json),
    complaints: () => body.duplicates().map((path) => `duplicate field "${dotted(path)}"`),
    inOrder: asTheyCome,
    quote: (patched) => textOf(patched, (path) => isJsonObject(memberAt(json, path))),
  }
}

/** A merge patch that knows how the lists of a kind merge. */
export function readStrategicChange(body: PatchBody): PatchChange {
  if ('problem' in body) throw badRequest(body.problem)
  const json = body.value as Json
  if (!isJsonObject(json)) throw badRequest(noObject(json))
  return {
    apply(old, kind) {
      const schema = schemaOfKind(kind)
      // Only kinds that are built in say how their lists merge.
      if (schema === undefined) throw unsupportedMediaType(otherPatchTypes)
      return strategicRefusals(() => applyStrategicMergePatch(old as JsonObject, json, schema))
    },
    complaints: () => body.duplicates().map((path) => `duplicate field "${dotted(path)}"`),
    inOrder: (complaints) => (complaints.length < 2 ? complaints : complaints.toSorted()),
    quote: () => goText(json),
    explain: conversionProblem,
  }
}

const otherPatchTypes = ['application/json-patch+json', 'application/merge-patch+json', 'application/apply-patch+yaml']

function strategicRefusals<T>(run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (!(error instanceof StrategicPatchError)) throw error
    if (error.fault === 'badPatch') throw badRequest(error.message)
    throw error.fault === 'unprocessable' ? failure('Invalid', error.message, {}) : plainFailure(500, error.message)
  }
}

/**
 * The text of a patched object as upstream's patch library writes it: objects that the patch went through have their
 * members by name, all others as they were. `isOpened` is asked for the JSON pointers of objects.
 */
function textOf(patched: JsonObject, isOpened: (pointer: string) => boolean): string {
  const order = (value: Json, pointer: string): Json => {
    if (typeof value !== 'object' || value === null || !(pointer === '' || isOpened(pointer))) return value
    if (Array.isArray(value)) return value.map((item, index) => order(item, `${pointer}/${index}`))
    const members = Object.entries(value as JsonObject).toSorted(([a], [b]) => (a < b ? -1 : 1))
    return Object.fromEntries(
      members.map(([name, member]) => [name, order(member, `${pointer}/${escapePointer(name)}`)]),
    )
  }
  return escapeHtml(JSON.stringify(order(patched, '')))
}

const escapePointer = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1')

/** Go writes <, > and & escaped inside JSON. */
const escapeHtml = (json: string): string =>
  json.replaceAll(/[<>&\u2028\u2029]/g, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`)

function memberAt(json: Json, pointer: string): Json | undefined {
  let at: Json | undefined = json
  for (const step of pointer.split('/').slice(1)) {
    if (!isJsonObject(at)) return undefined
    const name = step.replaceAll('~1', '/').replaceAll('~0', '~')
    at = Object.hasOwn(at, name) ? at[name] : undefined
  }
  return at
}

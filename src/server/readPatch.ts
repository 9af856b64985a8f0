import type { KubeObject } from '#api/resource.ts'
import { decodeJson } from '#lib/encoding/json.ts'
import { exceedsJsonSize } from '#lib/encoding/jsonSize.ts'
import { setOwn } from '#lib/encoding/setOwn.ts'
import { applyJsonPatch, JsonPatchError, maximumOperations, readJsonPatch } from '#machinery/patch/json.ts'
import { applyMergePatch, isJsonObject, type Json, type JsonObject } from '#machinery/patch/merge.ts'
import { applyStrategicMergePatch, StrategicPatchError } from '#machinery/patch/strategic.ts'
import { schemaOfKind } from '#machinery/schema/load.ts'
import type { GroupVersionKind, Schema } from '#machinery/schema/model.ts'
import { badRequest, failure, requestTooLarge, StatusError } from '#machinery/status.ts'
import { readBody, refineObject, type FieldValidation, type Refined } from './decode.ts'
import { plainFailure, unsupportedMediaType } from './errors.ts'
import type { Exchange } from './exchange.ts'
import type { Kind } from './kind.ts'
import { thaw, thawMetadata } from './objects.ts'
import { largestObject, objectTooLarge } from './registry/commit.ts'

/** A patch that was read and can be applied to any state of the object. */
export interface Patch {
  /** The patched object, private to the caller, as it would have been decoded. Throws what the client is to be told. */
  apply(old: KubeObject, validation: FieldValidation): Refined
}

type Apply = (old: Json, kind: GroupVersionKind) => Json

const patchTypes = {
  'application/json-patch+json': readJson,
  'application/merge-patch+json': readMerge,
  'application/strategic-merge-patch+json': readStrategic,
} as const

/** Reads the body of a PATCH on objects of a kind. */
export function readPatch(exchange: Exchange, { resource, schema, custom }: Kind): Promise<Patch> {
  const { group, version, kind } = resource
  return readPatchOf(exchange, { group, version, kind }, custom === undefined ? undefined : schema)
}

/** Reads the body of a PATCH on objects of a kind that may be only a view of others. */
export async function readPatchOf(exchange: Exchange, kind: GroupVersionKind, schema?: Schema): Promise<Patch> {
  const { apply, size } = await readChange(exchange)
  return {
    apply(old, validation) {
      const patched = apply(old as unknown as Json, kind)
      if (!isJsonObject(patched)) throw badRequest('the patch does not result in an object')
      if (size > largePatch && isTooLarge(patched)) throw objectTooLarge()
      return refinePatched(kind, old, patched, validation, schema)
    },
  }
}

/** Patches of more bytes than this are weighed before anything costly is done with what comes of them. */
const largePatch = 512 * 1024

/** Without metadata: who owns the fields is left out of an object that would be too large with it. */
function isTooLarge({ metadata: _, ...rest }: JsonObject): boolean {
  return exceedsJsonSize(rest, largestObject)
}

/** Decodes what a patch has changed; members that are still those of the old object are as they should be. */
function refinePatched(
  kind: GroupVersionKind,
  old: KubeObject,
  patched: JsonObject,
  validation: FieldValidation,
  schema: Schema | undefined,
): Refined {
  const before = old as unknown as JsonObject
  const kept: Record<string, unknown> = {}
  const changed: Record<string, Json> = {}
  for (const key of Object.keys(patched)) {
    const value = patched[key]!
    if (typeof value === 'object' && Object.hasOwn(before, key) && value === before[key] && Object.isFrozen(value)) {
      kept[key] = key === 'metadata' ? thawMetadata(old.metadata) : thaw(value)
    } else setOwn(changed, key, value)
  }
  const { object, warnings } = refineObject(kind, changed, validation, schema)
  return { object: Object.assign(object, kept), warnings }
}

/** The change that the body asks for, and the body's size in bytes; 0 when it never was a text. */
async function readChange(exchange: Exchange): Promise<{ readonly apply: Apply; readonly size: number }> {
  const type = (exchange.request.header('content-type') ?? '').split(';')[0]!.trim().toLowerCase()
  const read = Object.hasOwn(patchTypes, type) ? patchTypes[type as keyof typeof patchTypes] : undefined
  if (read === undefined) {
    throw new StatusError({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: '415: Unsupported Media Type',
      reason: 'UnsupportedMediaType',
      details: {},
      code: 415,
    })
  }
  const { request } = exchange
  if ('object' in request.body) return { apply: read(request.body.object as Json), size: 0 }
  const bytes = await readBody(exchange)
  const decoded = decodeJson(bytes)
  if ('problem' in decoded) throw badRequest(`error decoding patch: ${decoded.problem}`)
  return { apply: read(decoded.value as Json), size: bytes.length }
}

function readJson(json: Json): Apply {
  if (Array.isArray(json) && json.length > maximumOperations) {
    throw requestTooLarge(`The allowed maximum operations in a JSON patch is ${maximumOperations}, got ${json.length}`)
  }
  const operations = jsonPatchRefusals(() => readJsonPatch(json))
  return (old) => jsonPatchRefusals(() => applyJsonPatch(old, operations))
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

function readMerge(json: Json): Apply {
  if (!isJsonObject(json)) throw badRequest('Invalid JSON Patch')
  return (old) => applyMergePatch(old, json)
}

function readStrategic(json: Json): Apply {
  if (!isJsonObject(json)) throw badRequest('error decoding patch: invalid JSON document')
  return (old, kind) => {
    const schema = schemaOfKind(kind)
    // Only kinds that are built in say how their lists merge.
    if (schema === undefined) throw unsupportedMediaType(otherPatchTypes)
    return strategicRefusals(() => applyStrategicMergePatch(old as JsonObject, json, schema))
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

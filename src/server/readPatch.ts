import type { KubeObject } from '#api/resource.ts'
import { decodeJson, defaultMaxDepth } from '#lib/encoding/json.ts'
import { exceedsDepth } from '#lib/encoding/jsonDepth.ts'
import { strictProblem, type Mismatched } from '#machinery/codec/body.ts'
import { isJsonObject, type Json, type JsonObject } from '#machinery/patch/merge.ts'
import { schemaOfKind } from '#machinery/schema/load.ts'
import type { GroupVersionKind, Schema } from '#machinery/schema/model.ts'
import { badRequest, invalid, StatusError } from '#machinery/status.ts'
import { quoteString } from '#machinery/validate/report.ts'
import { readBody, refineObject, type FieldValidation, type Refined } from './decode.ts'
import type { Exchange } from './exchange.ts'
import type { Kind } from './kind.ts'
import { splitKept, thaw, thawMetadata } from './objects.ts'
import {
  readJsonChange,
  readMergeChange,
  readStrategicChange,
  type PatchBody,
  type PatchChange,
} from './patchChange.ts'
import { checkSize } from './registry/commit.ts'

/** A patch that was read and can be applied to any state of the object. */
export interface Patch {
  /**
   * The patched object as it would have been decoded: private to the caller, or sharing with the old one what it has kept of
   * that. Throws what the client is to be told.
   */
  apply(old: KubeObject, validation: FieldValidation): Refined
}

const patchTypes: Readonly<Record<string, (body: PatchBody) => PatchChange>> = {
  'application/json-patch+json': readJsonChange,
  'application/merge-patch+json': readMergeChange,
  'application/strategic-merge-patch+json': readStrategicChange,
}

/** What a patched object shares with the old one: all that it keeps, where it is only read; all but metadata, where it keeps the rest; nothing. */
export type Sharing = 'all' | 'rest' | 'nothing'

/** Reads the body of a PATCH on objects of a kind. */
export function readPatch(exchange: Exchange, { resource, schema, custom }: Kind, sharing: Sharing): Promise<Patch> {
  const { group, version, kind } = resource
  return readPatchOf(exchange, { group, version, kind }, custom === undefined ? undefined : schema, sharing)
}

/** Reads the body of a PATCH on objects of a kind that may be only a view of others. */
export async function readPatchOf(
  exchange: Exchange,
  kind: GroupVersionKind,
  schema?: Schema,
  sharing: Sharing = 'nothing',
): Promise<Patch> {
  const { change, size } = await readChange(exchange)
  return {
    apply(old, validation) {
      const patched = change.apply(old as unknown as Json, kind)
      if (!isJsonObject(patched)) throw badRequest('the patch does not result in an object')
      if (size > largePatch) checkSize(patched as unknown as KubeObject)
      return refinePatched(change, kind, old, patched, validation, schema, sharing)
    },
  }
}

/** Patches of more bytes than this are weighed before anything costly is done with what comes of them. */
const largePatch = 512 * 1024

/** What a patch of metadata alone may have different; texts count as changed. */
const metadataMembers = ['kind', 'apiVersion', 'metadata']

/** Decodes what a patch has changed; members that are still those of the old object are as they should be. */
function refinePatched(
  change: PatchChange,
  kind: GroupVersionKind,
  old: KubeObject,
  patched: JsonObject,
  validation: FieldValidation,
  schema: Schema | undefined,
  sharing: Sharing,
): Refined {
  const { kept, changed } = splitKept(patched, old)
  const sharesRest = sharing === 'rest' && Object.keys(changed).every((key) => metadataMembers.includes(key))
  for (const key of sharing === 'all' ? [] : Object.keys(kept)) {
    if (key === 'metadata') kept[key] = thawMetadata(old.metadata)
    else if (!sharesRest) kept[key] = thaw(kept[key])
  }
  const own = validation === 'Ignore' ? [] : change.complaints()
  const refuse = (why: Mismatched): StatusError => {
    const type = schema ?? schemaOfKind(kind)
    const problem =
      'complaints' in why
        ? strictProblem([...own, ...change.inOrder(why.complaints)])
        : ((type === undefined ? undefined : change.explain?.(type, changed as JsonObject)) ?? why.problem)
    const message = `Invalid value: ${quoteString(change.quote(patched))}: ${problem}`
    return invalid({ group: '', kind: '' }, '', [{ reason: 'FieldValueInvalid', message, field: 'patch' }])
  }
  const { object, warnings } = refineObject(kind, changed, validation, schema, refuse)
  if (own.length > 0 && validation === 'Strict') throw refuse({ complaints: [] })
  return { object: Object.assign(object, kept), warnings: [...own, ...change.inOrder(warnings)] }
}

/** The change that the body asks for, and the body's size in bytes; 0 when it never was a text. */
async function readChange(exchange: Exchange): Promise<{ readonly change: PatchChange; readonly size: number }> {
  const type = (exchange.request.header('content-type') ?? '').split(';')[0]!.trim().toLowerCase()
  const read = Object.hasOwn(patchTypes, type) ? patchTypes[type] : undefined
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
  if ('object' in request.body) {
    const value = request.body.object
    const body = exceedsDepth(value, defaultMaxDepth)
      ? { problem: `exceeded max depth of ${defaultMaxDepth}` }
      : { value, duplicates: () => [] }
    if ('value' in body) exchange.audit?.patched(value)
    return { change: read(body), size: 0 }
  }
  const bytes = await readBody(exchange)
  const body = decodeJson(bytes)
  if ('value' in body) exchange.audit?.patched(body.value)
  return { change: read(body), size: bytes.length }
}

// What an apply makes of an object and its owners, with the refusal of what others own, and the move from client-side
// apply.
import type { Steps } from '#lib/async/steps.ts'
import { decodeJson } from '#lib/encoding/json.ts'
import { applyFields, lastAppliedFields, type FormOf } from '#machinery/patch/apply.ts'
import { hasField, type FieldSet } from '#machinery/patch/fieldSet.ts'
import {
  afterApply,
  conflictText,
  ownerText,
  type ChangesIn,
  type FieldConflict,
  type Owners,
  type Writer,
} from '#machinery/patch/managedFields.ts'
import { fieldProblems } from '#machinery/patch/mergeFields.ts'
import { isObject, type JsonObject } from '#machinery/schema/model.ts'
import { failure, type StatusError } from '#machinery/status.ts'

/** One apply, with everything that decides what it makes of an object. */
export interface Apply {
  readonly applied: JsonObject
  readonly writer: Writer
  readonly force: boolean
  readonly time: string
  readonly formOf: FormOf
  /** Puts back what this path may not change. */
  settle(object: JsonObject, live: JsonObject): JsonObject
  /** The fields that the client comes to own. */
  readonly fields: FieldSet
  /** What differs, in the form of each version. */
  changes(live: JsonObject, object: JsonObject): ChangesIn
}

export interface AppliedTo {
  readonly object: JsonObject
  readonly owners: Owners
}

/** What an apply makes of an object and its owners; throws 409 when it would change what others own. */
export function* applyTo(apply: Apply, live: JsonObject, owners: Owners): Steps<AppliedTo> {
  const { applied, writer, formOf, time } = apply
  const merged = applyFields(formOf, live, applied, owners, writer)
  yield
  const settled = apply.settle(merged as JsonObject, live)
  yield
  const changesIn = apply.changes(live, settled)
  const decide = (force: boolean): ReturnType<typeof afterApply> =>
    afterApply(owners, { writer, fields: apply.fields, changesIn, force, time })
  const decided = decide(apply.force)
  if ('owners' in decided) return { object: withLastApplied(settled, apply), owners: decided.owners }
  const conflicts = conflictsWithOthers(apply, live, decided.conflicts)
  if (conflicts.length > 0) throw conflictError(conflicts)
  const forced = decide(true)
  if ('conflicts' in forced) throw conflictError(forced.conflicts)
  return { object: withLastApplied(settled, apply), owners: forced.owners }
}

/** Objects that `kubectl apply` managed from its side go over to the server without conflicts. */
const kubectl = 'kubectl'
const lastAppliedAnnotation = 'kubectl.kubernetes.io/last-applied-configuration'

/** The conflicts that are not about what `kubectl apply` itself set before. */
function conflictsWithOthers(
  { writer, formOf }: Apply,
  live: JsonObject,
  conflicts: readonly FieldConflict[],
): readonly FieldConflict[] {
  const text = writer.manager === kubectl ? lastAppliedOf(live) : undefined
  if (text === undefined) return conflicts
  const last = decodeJson(text)
  if (!('value' in last) || !isObject(last.value) || last.value['apiVersion'] !== writer.apiVersion) return conflicts
  const { shape } = formOf(writer.apiVersion)!
  if (fieldProblems(shape, last.value).length > 0) return conflicts
  const own = lastAppliedFields(shape, last.value, live)
  return conflicts.filter(({ steps }) => !hasField(own, steps))
}

function lastAppliedOf(object: JsonObject): string | undefined {
  const { annotations } = (object['metadata'] ?? {}) as { readonly annotations?: Readonly<Record<string, unknown>> }
  const text = annotations?.[lastAppliedAnnotation]
  return typeof text === 'string' && text !== '' ? text : undefined
}

/** The annotations of an object together may have this many bytes. */
const largestAnnotations = 256 * 1024

/** Keeps the annotation of client-side apply true, for clients that still go by it. */
function withLastApplied(object: JsonObject, { writer, applied }: Apply): JsonObject {
  if (writer.manager !== kubectl || lastAppliedOf(object) === undefined) return object
  const metadata = object['metadata'] as JsonObject
  const annotations: Record<string, unknown> = { ...(metadata['annotations'] as JsonObject) }
  annotations[lastAppliedAnnotation] = lastAppliedText(applied)
  const size = Object.entries(annotations).reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key + String(value)),
    0,
  )
  if (size > largestAnnotations) delete annotations[lastAppliedAnnotation]
  return { ...object, metadata: { ...metadata, annotations } }
}

/** What was applied as the annotation has it: without the annotation itself, keys in order, a line end. */
function lastAppliedText(applied: JsonObject): string {
  const metadata = isObject(applied['metadata']) ? applied['metadata'] : {}
  const annotations = isObject(metadata['annotations']) ? { ...metadata['annotations'] } : undefined
  if (annotations !== undefined) delete annotations[lastAppliedAnnotation]
  const plain = annotations === undefined ? applied : { ...applied, metadata: { ...metadata, annotations } }
  return `${JSON.stringify(plain, sortedKeys)}\n`
}

function sortedKeys(_key: string, value: unknown): unknown {
  return isObject(value) ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value
}

function conflictError(conflicts: readonly FieldConflict[]): StatusError {
  return failure('Conflict', conflictText(conflicts), {
    causes: conflicts.map(({ owner, path }) => ({
      reason: 'FieldManagerConflict',
      message: `conflict with ${ownerText(owner)}`,
      field: path,
    })),
  })
}

import type { ObjectMeta } from '#api/meta/v1/objectMeta.ts'
import type { KubeObject } from '#api/resource.ts'
import { setOwn } from '#lib/encoding/setOwn.ts'
import { copyJson } from '#lib/encoding/copyJson.ts'
import { isObject, type JsonObject } from '#machinery/schema/model.ts'

export { copyJson as thaw } from '#lib/encoding/copyJson.ts'

/** A private, unfrozen copy of an object. Its `managedFields` are shared: they are only ever replaced. */
export function thawObject<T extends KubeObject>(object: T): T {
  const copy: JsonObject = {}
  for (const key of Object.keys(object)) {
    const member = (object as unknown as JsonObject)[key]
    setOwn(copy, key, key === 'metadata' ? thawMetadata(object.metadata) : copyJson(member))
  }
  return copy as unknown as T
}

/** An unfrozen object with unfrozen metadata, which name no revision. All members of both are shared. */
export function thawTop<T extends KubeObject>(object: T): T {
  return { ...object, metadata: withoutRevision(object.metadata) }
}

/** Metadata that shares all members but names no revision. To delete them would make every later look at it slow. */
export function withoutRevision(metadata: ObjectMeta): ObjectMeta {
  const rest: JsonObject = {}
  for (const key in metadata) {
    if (key !== 'resourceVersion' && key !== 'selfLink') rest[key] = metadata[key as keyof ObjectMeta]
  }
  return rest as unknown as ObjectMeta
}

/** A private copy of metadata that shares its `managedFields`. */
export function thawMetadata(metadata: ObjectMeta): ObjectMeta {
  const { managedFields, ...rest } = metadata
  const copy = copyJson(rest) as ObjectMeta
  if (managedFields !== undefined) copy.managedFields = managedFields
  return copy
}

/** Makes `target` hold at a dotted path what `source` holds there, or nothing when it holds nothing. */
export function copyPath(target: object, source: object, path: string): void {
  const steps = path.split('.')
  const last = steps.pop()!
  let to = target as JsonObject
  let from: unknown = source
  for (const step of steps) {
    from = isObject(from) && Object.hasOwn(from, step) ? from[step] : undefined
    if (!isObject(to[step])) {
      if (from === undefined) return
      to[step] = {}
    }
    to = to[step] as JsonObject
  }
  const value = isObject(from) && Object.hasOwn(from, last) ? from[last] : undefined
  if (value !== undefined) to[last] = copyJson(value)
  // Removing what is not there costs as much as removing what is.
  else if (Object.hasOwn(to, last)) delete to[last]
}

/** The members of a value that are the very ones of a stored object, which are as they should be, and all others. */
export function splitKept(value: object, stored: object): { readonly kept: JsonObject; readonly changed: JsonObject } {
  const kept: JsonObject = {}
  const changed: JsonObject = {}
  for (const key of Object.keys(value)) {
    const member = (value as JsonObject)[key]
    const isKept = typeof member === 'object' && Object.isFrozen(member) && (stored as JsonObject)[key] === member
    setOwn(isKept ? kept : changed, key, member)
  }
  return { kept, changed }
}

/** Removes what an object holds at a dotted path. */
export function dropPath(target: object, path: string): void {
  copyPath(target, {}, path)
}

/** Makes `target` hold what `source` holds, and its metadata what the other's holds: both stay the objects that they are. */
export function replaceContents(target: KubeObject, source: KubeObject): void {
  const { metadata } = target
  replaceMembers(metadata, source.metadata ?? {})
  replaceMembers(target, { ...source, metadata })
}

function replaceMembers(target: object, source: object): void {
  const to = target as JsonObject
  for (const key of Object.keys(to)) if (!Object.hasOwn(source, key)) delete to[key]
  for (const [key, value] of Object.entries(source)) setOwn(to, key, value)
}

import { sameJson } from '#lib/encoding/sameJson.ts'
import { setOwn } from '#lib/encoding/setOwn.ts'

/** A value of JSON. Patches work on these; they never change their arguments. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }
export type JsonObject = { readonly [key: string]: Json }

/** Whether a value is a JSON object, as opposed to a list, null or a scalar. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * RFC 7386: objects merge member by member, `null` removes a member, everything else replaces.
 *
 *     { a: { b: 1, c: 2 }, l: [1] }  +  { a: { b: null }, l: [2] }  =  { a: { c: 2 }, l: [2] }
 *
 * Unchanged parts are shared with the target.
 */
export function applyMergePatch(target: Json | undefined, patch: Json): Json {
  if (!isJsonObject(patch)) return patch
  const result: Record<string, Json> = isJsonObject(target) ? { ...target } : {}
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key]
    else setOwn(result, key, applyMergePatch(ownMember(result, key), value))
  }
  return result
}

/** The merge patch that turns one value into another; undefined when they are equal. Undefined members are absent. */
export function mergePatchOf(from: unknown, to: unknown): Json | undefined {
  if (!isJsonObject(from) || !isJsonObject(to)) return sameJson(from, to) ? undefined : ((to ?? null) as Json)
  const patch: Record<string, Json> = {}
  for (const key of Object.keys(from)) {
    if (from[key] !== undefined && ownMember(to, key) === undefined) setOwn(patch, key, null)
  }
  for (const [key, value] of Object.entries(to)) {
    if (value === undefined) continue
    const change = mergePatchOf(ownMember(from, key), value)
    if (change !== undefined) setOwn(patch, key, change)
  }
  return Object.keys(patch).length === 0 ? undefined : patch
}

function ownMember(object: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined
}

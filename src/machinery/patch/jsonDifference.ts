import { sameJson } from '#lib/encoding/sameJson.ts'
import { isJsonObject } from './merge.ts'

/** One step of a JSON patch (RFC 6902), of those that a difference needs. */
export type Difference =
  | { readonly op: 'add' | 'replace'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string }

/**
 * The JSON patch that turns one value into another; empty when they are equal. Objects are compared member by member, lists
 * as wholes. Undefined members are absent.
 *
 *     { a: 1, l: [1] }  →  { l: [1, 2], b: { c: 3 } }
 *     [{ op: 'remove', path: '/a' }, { op: 'replace', path: '/l', value: [1, 2] }, { op: 'add', path: '/b', value: { c: 3 } }]
 */
export function jsonPatchOf(from: unknown, to: unknown, path = ''): Difference[] {
  if (!isJsonObject(from) || !isJsonObject(to)) return sameJson(from, to) ? [] : [{ op: 'replace', path, value: to }]
  const steps: Difference[] = []
  for (const [key, old] of Object.entries(from)) {
    const at = `${path}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`
    if (old === undefined) continue
    if (!Object.hasOwn(to, key) || to[key] === undefined) steps.push({ op: 'remove', path: at })
    else steps.push(...jsonPatchOf(old, to[key], at))
  }
  for (const [key, value] of Object.entries(to)) {
    if (value === undefined || (Object.hasOwn(from, key) && from[key] !== undefined)) continue
    steps.push({ op: 'add', path: `${path}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`, value })
  }
  return steps
}

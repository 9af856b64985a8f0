import { sameJson } from '#lib/encoding/sameJson.ts'

/** The JSON merge patch (RFC 7396) that turns one value into another; undefined when they are equal. */
export function mergePatchOf(from: unknown, to: unknown): unknown {
  if (!isRecord(from) || !isRecord(to)) return sameJson(from, to) ? undefined : (to ?? null)
  const patch: Record<string, unknown> = {}
  for (const field of Object.keys(from)) if (from[field] !== undefined && to[field] === undefined) patch[field] = null
  for (const [field, value] of Object.entries(to)) {
    if (value === undefined) continue
    const change = mergePatchOf(from[field], value)
    if (change !== undefined) patch[field] = change
  }
  return Object.keys(patch).length === 0 ? undefined : patch
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

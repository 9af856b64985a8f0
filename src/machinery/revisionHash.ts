import { canonicalJson, safeEnding } from './podTemplateHash.ts'

/**
 * The ending of the name of a ControllerRevision with this data, as Kubernetes computes it (`pkg/controller/history`):
 * FNV-1 in 32 bits over the data as Go writes JSON, with the number of collisions behind it.
 */
export function revisionHash(data: unknown, collisions: number): string {
  let hash = 0x811c9dc5
  for (const byte of new TextEncoder().encode(`${goJson(data)}${collisions}`)) {
    hash = Math.imul(hash, 0x01000193) ^ byte
  }
  return safeEnding(hash >>> 0)
}

/** JSON with sorted keys, in which what could end a script of HTML is escaped. */
function goJson(value: unknown): string {
  const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  return canonicalJson(value).replaceAll(/[<>&\u2028\u2029]/g, escaped)
}

import type { PodTemplateSpec } from '#api/core/v1/podTemplate.ts'

/** The letters and digits of a safe name ending: what names could not be read from, or read as words, is left out. */
const alphabet = 'bcdfghjklmnpqrstvwxz2456789'

/**
 * A short name for a pod template: the same for equal templates on every machine and in every version. `collisions`
 * tells templates apart whose names would be equal (`status.collisionCount`).
 */
export function podTemplateHash(template: PodTemplateSpec, collisions = 0): string {
  const hash = fnv1a(`${canonicalJson(template)}${collisions === 0 ? '' : collisions}`)
  return safeEnding(hash)
}

/** A number as the ending of a name. */
export function safeEnding(number: number): string {
  return [...String(number)].map((digit) => alphabet[digit.charCodeAt(0) % alphabet.length]).join('')
}

/** JSON with sorted keys and without absent fields, so that equal values have equal text. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item)).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null)
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined && field !== null)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${canonicalJson(field)}`).join(',')}}`
}

/** FNV-1a over UTF-16 code units, low byte first, in 32 bits. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    hash = Math.imul(hash ^ (unit & 0xff), 0x01000193)
    hash = Math.imul(hash ^ (unit >>> 8), 0x01000193)
  }
  return hash >>> 0
}

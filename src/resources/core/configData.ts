import type { Report } from '#machinery/validate/report.ts'
import { configKeyProblems } from '#machinery/validate/names.ts'

/** The most that the values of a config map or a secret may hold together: 1 MiB. */
export const mostBytes = 1024 * 1024

/** Keys become file names and variables: letters, digits, `-`, `_` and `.`. */
export function checkKeys(keys: Iterable<string>, report: Report): void {
  for (const key of keys) report.key(key).invalidBecause(key, configKeyProblems(key))
}

/** Adds a problem when values of these sizes are too much together. */
export function checkTotalSize(sizes: Iterable<number>, report: Report): void {
  let total = 0
  for (const size of sizes) total += size
  if (total > mostBytes) report.tooLong(mostBytes)
}

const encoder = new TextEncoder()

/** The size of a text in UTF-8. */
export function textBytes(text: string): number {
  return encoder.encode(text).length
}

/** The size of what a base64 text holds. */
export function base64Bytes(text: string): number {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  return (text.length / 4) * 3 - padding
}

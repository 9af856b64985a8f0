import { structuredPatch } from 'diff'

/** Comparing takes the square of this many changed lines; nobody reads as many. */
const mostChangedLines = 2_000

/**
 * The lines in which two values differ, written as JSON, with three lines around each: a unified diff without a header.
 * Empty when they differ in too many.
 */
export function difference(value: unknown, old: unknown): string {
  const text = (one: unknown): string => `${JSON.stringify(one, undefined, 1)}\n`
  const options = { context: 3, maxEditLength: mostChangedLines }
  const compared = structuredPatch('', '', text(value), text(old), '', '', options)
  const lines = (compared?.hunks ?? []).flatMap(({ oldStart, oldLines, newStart, newLines, lines: changed }) => [
    `@@ -${oldStart},${oldLines} +${newStart},${newLines} @@`,
    ...changed,
  ])
  return lines.map((line) => `${line}\n`).join('')
}

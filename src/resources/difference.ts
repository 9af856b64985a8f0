import { structuredPatch } from 'diff'

/** The lines in which two values differ, written as JSON, with three lines around each: a unified diff without a header. */
export function difference(value: unknown, old: unknown): string {
  const text = (one: unknown): string => `${JSON.stringify(one, undefined, 1)}\n`
  const { hunks } = structuredPatch('', '', text(value), text(old), '', '', { context: 3 })
  const lines = hunks.flatMap(({ oldStart, oldLines, newStart, newLines, lines: changed }) => [
    `@@ -${oldStart},${oldLines} +${newStart},${newLines} @@`,
    ...changed,
  ])
  return lines.map((line) => `${line}\n`).join('')
}

import { labelValueProblems, qualifiedNameProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'

/** The most that keys and values of annotations may take together: 256 KiB. */
const mostAnnotationBytes = 256 * 1024

/** Labels whose keys are qualified names and whose values are label values. */
export function checkLabels(labels: Readonly<Record<string, string>> | undefined, report: Report): void {
  for (const [key, value] of Object.entries(labels ?? {})) {
    report.invalidBecause(key, qualifiedNameProblems(key))
    report.invalidBecause(value, labelValueProblems(value))
  }
}

/** Annotations whose keys are qualified names, of a bearable size in all. */
export function checkAnnotations(annotations: Readonly<Record<string, string>> | undefined, report: Report): void {
  let size = 0
  for (const [key, value] of Object.entries(annotations ?? {})) {
    report.invalidBecause(key, qualifiedNameProblems(key.toLowerCase()))
    size += utf8Length(key) + utf8Length(value)
  }
  if (size > mostAnnotationBytes) report.tooLong(mostAnnotationBytes)
}

const encoder = new TextEncoder()

function utf8Length(text: string): number {
  return encoder.encode(text).length
}

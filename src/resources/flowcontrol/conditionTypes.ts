import type { Report } from '#machinery/validate/report.ts'

/** Conditions that are told apart by their types: each has one, once. */
export function checkConditionTypes(
  conditions: readonly { readonly type?: string }[] | undefined,
  missing: string,
  report: Report,
): void {
  const seen = new Set<string>()
  for (const [index, { type = '' }] of (conditions ?? []).entries()) {
    const place = report.at(index, 'type')
    if (seen.has(type)) place.duplicate(type)
    seen.add(type)
    if (type === '') place.required(missing)
  }
}

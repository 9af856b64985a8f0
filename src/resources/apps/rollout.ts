import type { IntOrString } from '#api/scalars.ts'
import { percentProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'

interface PodsAtOnce {
  readonly maxUnavailable?: IntOrString
  readonly maxSurge?: IntOrString
}

/** How many pods a rolling update may miss and add: numbers or percentages, not both nothing. */
export function checkPodsAtOnce({ maxUnavailable, maxSurge }: PodsAtOnce, report: Report): void {
  checkCount(report.at('maxUnavailable'), maxUnavailable)
  checkCount(report.at('maxSurge'), maxSurge)
  if (amountOf(maxUnavailable) === 0 && amountOf(maxSurge) === 0) {
    report.at('maxUnavailable').invalid(maxUnavailable, 'may not be 0 when `maxSurge` is 0')
  }
  if (typeof maxUnavailable === 'string' && (amountOf(maxUnavailable) ?? 0) > 100) {
    report.at('maxUnavailable').invalid(maxUnavailable, 'must not be greater than 100%')
  }
}

const percentage = /^[0-9]+%$/

/** A number that is not negative, or a percentage. */
export function checkCount(report: Report, count: IntOrString | undefined): void {
  if (typeof count === 'string') report.invalidBecause(count, percentProblems(count))
  else if (count !== undefined && count < 0) report.invalid(count, 'must be greater than or equal to 0')
}

/** The number, or the figure of a percentage; undefined for what is neither. */
function amountOf(count: IntOrString | undefined): number | undefined {
  if (typeof count === 'string') return percentage.test(count) ? Number(count.slice(0, -1)) : undefined
  return count ?? 0
}

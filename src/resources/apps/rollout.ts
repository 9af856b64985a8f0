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
  checkShare(report.at('maxUnavailable'), maxUnavailable)
}

const percentage = /^[0-9]+%$/

/** A number that is not negative, or a percentage. */
export function checkCount(report: Report, count: IntOrString | undefined): void {
  if (typeof count === 'string') report.invalidBecause(count, percentProblems(count))
  else if (count !== undefined && count < 0) report.invalid(count, 'must be greater than or equal to 0')
}

/** A percentage of at most 100. */
export function checkShare(report: Report, count: IntOrString | undefined): void {
  if (typeof count === 'string' && percentage.test(count) && amountOf(count) > 100) {
    report.invalid(count, 'must not be greater than 100%')
  }
}

/** The number, or the figure of a percentage; a text that is neither counts as the number that it begins as, or as 0. */
export function amountOf(count: IntOrString | undefined): number {
  if (typeof count !== 'string') return count ?? 0
  return Number(percentage.test(count) ? count.slice(0, -1) : /^[-+]?[0-9]+$/.test(count) ? count : 0)
}

/** How often a name of what the workload made was taken already: it only rises. */
export function checkCollisionCount(count: number | undefined, old: number | undefined, report: Report): void {
  if (old !== undefined && (count === undefined || count < old)) report.invalid(count ?? 0, 'cannot be decremented')
}

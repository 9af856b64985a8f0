import { compareQuantities, mustParseQuantity } from '#machinery/quantity.ts'
import type { Report } from '#machinery/validate/report.ts'

// Rules of amounts of resources.

type ResourceList = Readonly<Record<string, string>>

/** Amounts that are not negative; `kubernetes.io` counts are whole. */
export function checkResourceAmounts(list: ResourceList | undefined, report: Report): void {
  for (const [name, amount] of Object.entries(list ?? {})) checkNotNegative(amount, report.at(name))
}

/** An amount that is zero or more. */
export function checkNotNegative(amount: string, report: Report): void {
  if (compareQuantities(amount, '0') < 0) report.invalid(amount, 'must be greater than or equal to 0')
}

/** What most amounts look like: digits, perhaps with a suffix that makes more of them. */
const plainWhole = /^[0-9]+(?:k|[KMGTPE]i|[MGTPE])?$/

/** Whether an amount is a whole number of units. */
export function isWhole(amount: string): boolean {
  return plainWhole.test(amount) || mustParseQuantity(amount).nanos % 1_000_000_000n === 0n
}

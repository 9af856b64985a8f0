import type { Report } from '#machinery/validate/report.ts'

/** Checks each item of a list, then that there are not too many. */
export function checkEach<T>(
  items: readonly T[],
  most: number,
  report: Report,
  check: (item: T, place: Report) => void,
): void {
  for (const [index, item] of items.entries()) check(item, report.at(index))
  if (items.length > most) report.tooMany(items.length, most)
}

/** Reports what a list has twice; `member` is what tells items apart, none when they do so themselves. */
export function checkUnique<T>(items: readonly T[], report: Report, keyOf: (item: T) => string, member?: string): void {
  const seen = new Set<string>()
  for (const [index, item] of items.entries()) {
    const key = keyOf(item)
    if (seen.has(key)) report.at(index, ...(member === undefined ? [] : [member])).duplicate(key)
    seen.add(key)
  }
}

// Values that are a whole number or a percentage, such as `maxSurge: 25%`.
import type { IntOrString } from '#api/scalars.ts'

/** The percentage in `25%`, or why the text is none. */
function percentOf(text: string): number | { readonly problem: string } {
  const digits = /^([+-]?[0-9]+)%$/.exec(text)?.[1]
  if (digits === undefined) {
    if (!text.endsWith('%')) return { problem: 'invalid type: string is not a percentage' }
    return {
      problem: `invalid value ${JSON.stringify(text)}: strconv.Atoi: parsing ${JSON.stringify(text.slice(0, -1))}: invalid syntax`,
    }
  }
  return Number(digits)
}

/**
 * The number itself, or the percentage of `total`, rounded up or down. Text that is no percentage gives a problem;
 * objects that passed validation never do.
 */
export function scaledValue(
  value: IntOrString,
  total: number,
  round: 'up' | 'down',
): number | { readonly problem: string } {
  if (typeof value === 'number') return value
  const percent = percentOf(value)
  if (typeof percent !== 'number') return { problem: `invalid value for IntOrString: ${percent.problem}` }
  const scaled = (percent * total) / 100
  return round === 'up' ? Math.ceil(scaled) : Math.floor(scaled)
}

/** `scaledValue` of a validated object: text that is no percentage counts as 0. */
export function scaledValueOrZero(value: IntOrString, total: number, round: 'up' | 'down'): number {
  const scaled = scaledValue(value, total, round)
  return typeof scaled === 'number' ? scaled : 0
}

import { canonicalQuantity, quantityMilliValue } from '#machinery/quantity.ts'

/** An amount that changes with time, in thousandths; a time is in milliseconds. */
export interface Amount {
  /** What it is `since` so long after its beginning, at the moment `now`. */
  at(since: number, now: number): number
}

type ReadAmount = Amount | { readonly problem: string }

const shapes = '"250m", points such as "0s=100m, 5m=900m", or a wave such as "100m..900m every 24h"'
const mostPoints = 1_000

/**
 * Reads an amount as annotations write it:
 *
 *     250m                        always the same
 *     0s=100m, 5m=900m, 10m=0     points, by the time since the beginning; in between it goes straight, then stays
 *     100m..900m every 24h        a wave by the time of day (UTC): least when a span begins, most half a span later
 */
export function readAmount(text: string): ReadAmount {
  if (text.length > 16_384) return { problem: `must be ${shapes}, and no longer than 16384 characters` }
  const problem = { problem: `must be ${shapes}` }
  const wave = /^(\S+?)\.\.(\S+) every (\S+)$/.exec(text.trim())
  if (wave !== null) {
    const [least, most, span] = [milli(wave[1]!), milli(wave[2]!), milliseconds(wave[3]!)]
    if (least === undefined || most === undefined || span === undefined || span === 0) return problem
    return { at: (_, now) => least + ((most - least) * (1 - Math.cos((2 * Math.PI * now) / span))) / 2 }
  }
  if (text.includes('=')) return readPoints(text) ?? problem
  const constant = milli(text.trim())
  return constant === undefined ? problem : { at: () => constant }
}

function readPoints(text: string): Amount | undefined {
  const points: { readonly time: number; readonly milli: number }[] = []
  for (const piece of text.split(',')) {
    const [time = '', value = '', ...rest] = piece.trim().split('=')
    const [after, amount] = [milliseconds(time), milli(value)]
    if (rest.length > 0 || after === undefined || amount === undefined || points.length >= mostPoints) return undefined
    if (after < (points.at(-1)?.time ?? 0)) return undefined
    points.push({ time: after, milli: amount })
  }
  return {
    at(since) {
      const next = points.findIndex(({ time }) => time > since)
      if (next < 0) return points.at(-1)!.milli
      if (next === 0) return points[0]!.milli
      const [a, b] = [points[next - 1]!, points[next]!]
      return a.milli + ((b.milli - a.milli) * (since - a.time)) / (b.time - a.time)
    },
  }
}

/** The average from one moment to another. Exact where it goes straight. */
export function averageOf(amount: Amount, began: number, from: number, to: number): number {
  const middle = (from + to) / 2
  return (amount.at(from - began, from) + 4 * amount.at(middle - began, middle) + amount.at(to - began, to)) / 6
}

function milli(text: string): number | undefined {
  if (typeof canonicalQuantity(text) !== 'string') return undefined
  const value = quantityMilliValue(text)
  return value < 0 ? undefined : value
}

const units: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

function milliseconds(text: string): number | undefined {
  if (text === '0') return 0
  if (!/^(\d{1,9}(\.\d{1,9})?(ms|s|m|h|d))+$/.test(text)) return undefined
  let sum = 0
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) sum += Number(amount) * units[unit!]!
  return sum
}

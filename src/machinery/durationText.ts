import type { Duration } from '#api/scalars.ts'

/** Milliseconds as Go writes a span of time: `15.02s`, `1m30s`, `2h0m0s`, `250ms`; `0s` for none. */
export function durationText(milliseconds: number): Duration {
  const whole = Math.max(0, Math.round(milliseconds))
  if (whole === 0) return '0s'
  if (whole < 1_000) return `${whole}ms`
  const hours = Math.floor(whole / 3_600_000)
  const minutes = Math.floor(whole / 60_000) % 60
  const seconds = (whole % 60_000) / 1_000
  if (hours > 0) return `${hours}h${minutes}m${seconds}s`
  return minutes > 0 ? `${minutes}m${seconds}s` : `${seconds}s`
}

const units: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
}

/** Milliseconds of a span as Go writes it; 0 for what is none. */
export function durationOf(text: Duration): number {
  let sum = 0
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)) {
    sum += Number(amount) * units[unit!]!
  }
  return sum
}

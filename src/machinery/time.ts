import type { MicroTime, Time } from '#api/scalars.ts'

/** Milliseconds since the epoch as the API writes a moment: `2025-01-31T09:30:00Z`. Fractions are cut off. */
export function timeText(milliseconds: number): Time {
  const second = Math.floor(milliseconds / 1000)
  if (second === newest.second) return newest.text
  const written =
    second === before.second ? before : { second, text: `${new Date(milliseconds).toISOString().slice(0, 19)}Z` }
  before = newest
  newest = written
  return written.text
}

/** The two moments written last: in a burst of writes they are the same thousands of times. */
let newest: { readonly second: number; readonly text: Time } = { second: 0, text: '1970-01-01T00:00:00Z' }
let before = newest

/** Milliseconds since the epoch as the API writes an exact moment: `2025-01-31T09:30:00.000000Z`. */
export function microTimeText(milliseconds: number): MicroTime {
  return `${new Date(milliseconds).toISOString().slice(0, 23)}000Z`
}

/** Reads a moment back; undefined when there is none. */
export function millisecondsOf(time: Time | MicroTime | undefined | null): number | undefined {
  if (time === undefined || time === null || time === '') return undefined
  const milliseconds = Date.parse(time)
  return Number.isNaN(milliseconds) ? undefined : milliseconds
}

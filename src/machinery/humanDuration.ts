const second = 1_000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour
const year = 365 * day

/**
 * An age in two to three figures, as the AGE column prints it: `5s`, `3m20s`, `25m`, `7h15m`, `2d3h`, `75d`, `2y40d`.
 * The rule is apimachinery's `duration.HumanDuration`. `milliseconds` may be a little negative where clocks differ.
 */
export function humanDuration(milliseconds: number): string {
  if (milliseconds <= -2 * second) return '<invalid>'
  if (milliseconds < 0) return '0s'
  const seconds = Math.trunc(milliseconds / second)
  if (seconds < 60 * 2) return `${seconds}s`
  const minutes = Math.trunc(milliseconds / minute)
  if (minutes < 10) return withRest(minutes, 'm', Math.trunc((milliseconds % minute) / second), 's')
  if (minutes < 60 * 3) return `${minutes}m`
  const hours = Math.trunc(milliseconds / hour)
  if (hours < 8) return withRest(hours, 'h', Math.trunc((milliseconds % hour) / minute), 'm')
  if (hours < 48) return `${hours}h`
  const days = Math.trunc(milliseconds / day)
  if (hours < 24 * 8) return withRest(days, 'd', hours % 24, 'h')
  if (hours < 24 * 365 * 2) return `${days}d`
  const years = Math.trunc(milliseconds / year)
  if (hours < 24 * 365 * 8) return withRest(years, 'y', days % 365, 'd')
  return `${years}y`
}

function withRest(amount: number, unit: string, rest: number, restUnit: string): string {
  return rest === 0 ? `${amount}${unit}` : `${amount}${unit}${rest}${restUnit}`
}

/** The age of a timestamp at `now` (milliseconds since the epoch); `<unknown>` when there is none. */
export function ageOf(timestamp: string | undefined, now: number): string {
  return timestamp === undefined ? '<unknown>' : humanDuration(now - Date.parse(timestamp))
}

/** Durations and timestamps: reading, writing, arithmetic, and the parts of a moment in a time zone. */
import { Duration, EvaluationError, Timestamp } from './values.ts'

const nanosPerSecond = 1_000_000_000n
const longest = (1n << 63n) - 1n
const earliestSecond = -62_135_596_800
const latestSecond = 253_402_300_799

const nanosOf: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: nanosPerSecond,
  m: 60n * nanosPerSecond,
  h: 3600n * nanosPerSecond,
}

const overflow = (what: string): EvaluationError => new EvaluationError(`${what} overflow`)

export function durationOf(nanos: bigint): Duration {
  if (nanos > longest || nanos < -longest - 1n) throw overflow('duration')
  return new Duration(nanos)
}

export function timestampOf(seconds: number, nanos: number): Timestamp {
  if (!(seconds >= earliestSecond && seconds <= latestSecond)) throw overflow('timestamp')
  return new Timestamp(seconds, nanos)
}

/** Reads a duration as Go writes it, such as `1h30m` or `-1.5s`; nothing when it is none. */
export function parseDuration(text: string): Duration | undefined {
  if (text.length > 100) return undefined
  const sign = /^[-+]/.exec(text)?.[0]
  const rest = sign === undefined ? text : text.slice(1)
  if (rest === '0') return new Duration(0n)
  if (!/^(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/.test(rest)) return undefined
  let nanos = 0n
  for (const [, whole, fraction = '', unit] of rest.matchAll(/(\d*)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)/g)) {
    const scale = nanosOf[unit!]!
    nanos += BigInt(whole === '' ? 0 : whole!) * scale
    if (fraction !== '') nanos += (BigInt(fraction) * scale) / 10n ** BigInt(fraction.length)
  }
  if (sign === '-') nanos = -nanos
  return nanos > longest || nanos < -longest - 1n ? undefined : new Duration(nanos)
}

/** In seconds, such as `3600s` or `0.5s`. */
export function formatDuration({ nanos }: Duration): string {
  const size = nanos < 0n ? -nanos : nanos
  return `${nanos < 0n ? '-' : ''}${size / nanosPerSecond}${formatFraction(Number(size % nanosPerSecond))}s`
}

function formatFraction(nanos: number): string {
  return nanos === 0 ? '' : `.${String(nanos).padStart(9, '0').replace(/0+$/, '')}`
}

const rfc3339 = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:[.,](\d+))?(?:Z|([+-])([01]\d|2[0-3]):([0-5]\d))$/

/** Reads RFC 3339; nothing when it is none, or is a moment that no calendar has. */
export function parseTimestamp(text: string): Timestamp | undefined {
  if (text.length > 100) return undefined
  const match = rfc3339.exec(text)
  if (match === null) return undefined
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  if (year < 1 || month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 59) return undefined
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  if (date.getUTCDate() !== day) return undefined
  const offset = match[8] === undefined ? 0 : (match[8] === '-' ? -1 : 1) * (Number(match[9]) * 60 + Number(match[10]))
  const seconds = date.getTime() / 1000 + hour * 3600 + minute * 60 + second - offset * 60
  if (seconds < earliestSecond || seconds > latestSecond) return undefined
  return new Timestamp(seconds, Number((match[7] ?? '').slice(0, 9).padEnd(9, '0')))
}

/** RFC 3339 in UTC with as many digits of a second as there are. */
export function formatTimestamp({ seconds, nanos }: Timestamp): string {
  const text = new Date(seconds * 1000).toISOString()
  return `${text.slice(0, 19)}${formatFraction(nanos)}Z`
}

const nanosSince1970 = ({ seconds, nanos }: Timestamp): bigint => BigInt(seconds) * nanosPerSecond + BigInt(nanos)

export function addDuration(time: Timestamp, { nanos }: Duration): Timestamp {
  const total = nanosSince1970(time) + nanos
  const rest = ((total % nanosPerSecond) + nanosPerSecond) % nanosPerSecond
  return timestampOf(Number((total - rest) / nanosPerSecond), Number(rest))
}

export function timeBetween(later: Timestamp, earlier: Timestamp): Duration {
  return durationOf(nanosSince1970(later) - nanosSince1970(earlier))
}

export function compareTimes(a: Timestamp, b: Timestamp): number {
  return a.seconds - b.seconds || a.nanos - b.nanos
}

/** The moment as a date whose UTC parts are those that a clock in the zone shows. */
export function inZone({ seconds }: Timestamp, zone: string): Date {
  return new Date(seconds * 1000 + offsetMs(seconds, zone))
}

const zones = new Map<string, Intl.DateTimeFormat>()
const mostZones = 64

function offsetMs(seconds: number, zone: string): number {
  if (zone === '' || zone === 'UTC') return 0
  if (zone.includes(':')) {
    const match = /^([+-]?)(\d{1,2}):(\d{2})$/.exec(zone)
    if (match === null) throw new EvaluationError(`unknown time zone ${zone}`)
    const minutes = Number(match[2]) * 60 + Number(match[3])
    return (match[1] === '-' ? -minutes : minutes) * 60_000
  }
  const parts = new Map(
    zoneFormat(zone)
      .formatToParts(seconds * 1000)
      .map(({ type, value }) => [type, Number(value)]),
  )
  const part = (name: Intl.DateTimeFormatPartTypes): number => parts.get(name) ?? 0
  const shown = new Date(0)
  shown.setUTCFullYear(part('year'), part('month') - 1, part('day'))
  shown.setUTCHours(part('hour') % 24, part('minute'), part('second'))
  return shown.getTime() - seconds * 1000
}

function zoneFormat(zone: string): Intl.DateTimeFormat {
  const known = zones.get(zone)
  if (known !== undefined) return known
  let format: Intl.DateTimeFormat
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
  } catch {
    throw new EvaluationError(`unknown time zone ${zone.slice(0, 100)}`)
  }
  if (zones.size >= mostZones) zones.clear()
  zones.set(zone, format)
  return format
}

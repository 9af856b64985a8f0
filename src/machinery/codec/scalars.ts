// Strings that have a syntax: base64, times, durations. Each reader gives the canonical text, or why there is none, in
// the words of Go's decoders.

/** A canonical text, or what is wrong with the given one. */
export type Canonical = string | { readonly problem: string }

/** Base64 without line breaks, checked to the byte. */
export function canonicalBase64(text: string): Canonical {
  const clean = text.includes('\n') || text.includes('\r') ? text.replace(/[\r\n]/g, '') : text
  const length = clean.length
  let body = length
  while (body > 0 && length - body < 2 && clean.charCodeAt(body - 1) === 0x3d) body--
  const illegal = (at: number): Canonical => ({ problem: `illegal base64 data at input byte ${offsetIn(text, at)}` })
  for (let i = 0; i < body; i++) {
    if (isBase64Digit(clean.charCodeAt(i))) continue
    if (clean[i] !== '=') return illegal(i)
    // Padding in the middle: where it would be right at an end, Go points behind it.
    if (i % 4 === 3) return illegal(i + 1)
    return illegal(i % 4 === 2 && clean[i + 1] === '=' ? i + 2 : i)
  }
  const missing = (4 - (body % 4)) % 4
  const padding = length - body
  if (body % 4 === 1) return illegal(padding === 0 ? body - 1 : body)
  if (padding === 0 && missing > 0) return illegal(body - (body % 4))
  if (padding !== missing) return illegal(padding > missing ? body + missing : length)
  if (missing === 0) return clean
  // The bits that the last digit has too many are not data.
  const value = base64Digits.indexOf(clean[body - 1]!)
  return clean.slice(0, body - 1) + base64Digits[value & (missing === 2 ? 0x30 : 0x3c)]! + '='.repeat(missing)
}

const base64Digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

function isBase64Digit(c: number): boolean {
  return (c >= 97 && c <= 122) || (c >= 65 && c <= 90) || (c >= 48 && c <= 57) || c === 43 || c === 47
}

/** The position in a text of the n-th character that is no line break. */
function offsetIn(text: string, n: number): number {
  let seen = 0
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\n' || text[i] === '\r') continue
    if (seen++ === n) return i
  }
  return text.length
}

const seconds = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\dZ$/
const micros = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{6}Z$/

/** A moment in UTC, cut to the second: `2025-01-31T09:30:00Z`. */
export function canonicalTime(text: string): Canonical {
  return seconds.test(text) ? text : canonicalMoment(text, '2006-01-02T15:04:05Z07:00', 0)
}

/** A moment in UTC with exactly six digits behind the second. */
export function canonicalMicroTime(text: string): Canonical {
  return micros.test(text) ? text : canonicalMoment(text, '2006-01-02T15:04:05.000000Z07:00', 6)
}

function canonicalMoment(text: string, layout: string, fractionDigits: 0 | 6): Canonical {
  const quoted = JSON.stringify(text)
  const elements: readonly (readonly [string, RegExp])[] = [
    ['2006', /^\d{4}/],
    ['-', /^-/],
    ['01', /^\d\d/],
    ['-', /^-/],
    ['02', /^\d\d/],
    ['T', /^T/],
    ['15', /^\d\d/],
    [':', /^:/],
    ['04', /^\d\d/],
    [':', /^:/],
    ['05', fractionDigits === 0 ? /^\d\d(?:[.,]\d+)?/ : /^\d\d/],
    ...(fractionDigits === 0 ? [] : ([['.000000', /^\.\d{6}(?!\d)/]] as const)),
    ['Z07:00', /^(?:Z|[-+]\d\d:\d\d)/],
  ]
  const found: string[] = []
  let rest = text
  for (const [element, pattern] of elements) {
    const match = pattern.exec(rest)?.[0]
    if (match === undefined) {
      return {
        problem: `parsing time ${quoted} as ${JSON.stringify(layout)}: cannot parse ${JSON.stringify(rest)} as ${JSON.stringify(element)}`,
      }
    }
    found.push(match)
    rest = rest.slice(match.length)
  }
  if (rest !== '') return { problem: `parsing time ${quoted}: extra text: ${JSON.stringify(rest)}` }
  const [year, , month, , day, , hour, , minute, , second] = found.map((part) => Number.parseInt(part, 10)) as number[]
  const zone = found.at(-1)!
  const outside = outOfRange(year!, month!, day!, hour!, minute!, second!, zone)
  if (outside !== undefined) return { problem: `parsing time ${quoted}: ${outside} out of range` }
  const offset = zone === 'Z' ? 0 : (zone[0] === '-' ? -1 : 1) * (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4)))
  // A zone is added to the minutes: Date.UTC carries over, and setUTCFullYear keeps years below 100 as they are.
  const date = new Date(Date.UTC(2000, month! - 1, day, hour, minute! - offset, second))
  date.setUTCFullYear(date.getUTCFullYear() + year! - 2000)
  const whole = date.toISOString().slice(0, 19)
  return fractionDigits === 0 ? `${whole}Z` : `${whole}${found.at(-2)}Z`
}

function outOfRange(
  year: number,
  month: number,
  day: number,
  hour: number,
  minute: number,
  second: number,
  zone: string,
): string | undefined {
  if (month < 1 || month > 12) return 'month'
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]!
  if (day < 1 || day > days) return 'day'
  if (hour > 23) return 'hour'
  if (minute > 59) return 'minute'
  if (second > 59) return 'second'
  if (zone !== 'Z' && Number(zone.slice(1, 3)) > 24) return 'time zone offset hour'
  if (zone !== 'Z' && Number(zone.slice(4)) > 60) return 'time zone offset minute'
  return undefined
}

const nanosPer: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
}
const maximumNanos = (1n << 63n) - 1n

/** Nanoseconds in a duration such as `1h15m30.5s`. */
export function durationNanos(text: string): bigint | { readonly problem: string } {
  const invalid = { problem: `time: invalid duration ${JSON.stringify(text)}` }
  const [, sign, body = ''] = /^([-+]?)(.*)$/s.exec(text)!
  if (body === '0') return 0n
  if (body === '' || body.length > 200) return invalid
  let total = 0n
  let rest = body
  while (rest !== '') {
    const match = /^([0-9]*)(?:\.([0-9]*))?/.exec(rest)!
    const [whole, units = '', fraction = ''] = match
    if (units === '' && fraction === '') return invalid
    const unit = /^[^0-9.]*/.exec(rest.slice(whole.length))![0]
    if (unit === '') return { problem: `time: missing unit in duration ${JSON.stringify(text)}` }
    const nanos = nanosPer[unit]
    if (nanos === undefined)
      return { problem: `time: unknown unit ${JSON.stringify(unit)} in duration ${JSON.stringify(text)}` }
    total += (BigInt(units + fraction) * nanos) / 10n ** BigInt(fraction.length)
    rest = rest.slice(whole.length + unit.length)
  }
  if (total > maximumNanos) return invalid
  return sign === '-' ? -total : total
}

/** A duration as Go prints it: `1h15m30.5s`, `1.5ms`, `0s`. */
export function durationText(nanos: bigint): string {
  if (nanos === 0n) return '0s'
  const sign = nanos < 0n ? '-' : ''
  const all = nanos < 0n ? -nanos : nanos
  const fraction = (value: bigint, unit: bigint): string => {
    const rest = (value % unit)
      .toString()
      .padStart(unit.toString().length - 1, '0')
      .replace(/0+$/, '')
    return `${value / unit}${rest === '' ? '' : `.${rest}`}`
  }
  if (all < 1_000n) return `${sign}${all}ns`
  if (all < 1_000_000n) return `${sign}${fraction(all, 1_000n)}µs`
  if (all < 1_000_000_000n) return `${sign}${fraction(all, 1_000_000n)}ms`
  const minutes = all / 60_000_000_000n
  const rest = `${fraction(all % 60_000_000_000n, 1_000_000_000n)}s`
  if (minutes === 0n) return sign + rest
  return minutes < 60n ? `${sign}${minutes}m${rest}` : `${sign}${minutes / 60n}h${minutes % 60n}m${rest}`
}

export function canonicalDuration(text: string): Canonical {
  const nanos = durationNanos(text)
  return typeof nanos === 'bigint' ? durationText(nanos) : nanos
}

/** `"%s has %d".format([a, b])`. Source: cel-spec, doc/extensions/strings.md. */
import { costs, ranges } from '../cost.ts'
import { declare, member, type Library } from '../declarations.ts'
import { withoutExponent } from '../doubles.ts'
import { isInt } from '../integers.ts'
import { compareText, decodeText, encodeText } from '../text.ts'
import { formatDuration, formatTimestamp } from '../time.ts'
import { dynType, listType, stringType } from '../types.ts'
import {
  costSize,
  Double,
  Duration,
  EvaluationError,
  ListValue,
  MapValue,
  Timestamp,
  typeOf,
  TypeValue,
  Uint,
  type Value,
} from '../values.ts'

/** More digits than this say nothing. */
const mostDigits = 100
const usualDigits = 6

function format(text: string, list: ListValue): string {
  let result = ''
  let used = 0
  let at = 0
  for (;;) {
    const percent = text.indexOf('%', at)
    if (percent < 0) return result + text.slice(at)
    result += text.slice(at, percent)
    if (text[percent + 1] === '%') {
      result += '%'
      at = percent + 2
      continue
    }
    const clause = /^%(?:\.(\d{1,3}))?(.)?/su.exec(text.slice(percent, percent + 8))!
    const [all, digits, verb] = clause
    if (verb === undefined) throw failed('unexpected end of string')
    if (used >= list.length) throw failed(`index ${used} out of range`)
    result += formatClause(verb, digits === undefined ? undefined : Number(digits), list.at(used++))
    at = percent + all.length
  }
}

const failed = (why: string): EvaluationError => new EvaluationError(`could not parse formatting clause: ${why}`)

function formatClause(verb: string, digits: number | undefined, value: Value): string {
  if (digits !== undefined && digits > mostDigits) throw failed(`precision ${digits} exceeds maximum of ${mostDigits}`)
  const error = (what: string): EvaluationError =>
    new EvaluationError(`error during formatting: ${what}, was given ${typeOf(value).name}`)
  const whole = isInt(value) ? BigInt(value) : value instanceof Uint ? value.value : undefined
  switch (verb) {
    case 's':
      return shown(value)
    case 'd':
      if (whole !== undefined) return String(whole)
      if (value instanceof Double && !Number.isFinite(value.value)) return shown(value)
      throw error('decimal clause can only be used on integers')
    case 'f':
      return (
        formatNumber(value, (number) => fixed(number, digits ?? usualDigits)) ??
        fail(error('fixed-point clause can only be used on doubles'))
      )
    case 'e':
      return (
        formatNumber(value, (number) => scientific(number, digits ?? usualDigits)) ??
        fail(error('scientific clause can only be used on doubles'))
      )
    case 'b':
      if (typeof value === 'boolean') return value ? '1' : '0'
      return whole?.toString(2) ?? fail(error('only integers and bools can be formatted as binary'))
    case 'o':
      return whole?.toString(8) ?? fail(error('octal clause can only be used on integers'))
    case 'x':
    case 'X': {
      const hexadecimal =
        hex(value, whole) ?? fail(error('only integers, byte buffers, and strings can be formatted as hex'))
      return verb === 'X' ? hexadecimal.toUpperCase() : hexadecimal
    }
    default:
      throw failed(`unrecognized formatting clause "${verb}"`)
  }
}

function fail(error: EvaluationError): never {
  throw error
}

function hex(value: Value, whole: bigint | undefined): string | undefined {
  const bytes = typeof value === 'string' ? encodeText(value) : value
  if (bytes instanceof Uint8Array) return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
  return whole?.toString(16)
}

function formatNumber(value: Value, write: (number: number) => string): string | undefined {
  const number =
    value instanceof Double
      ? value.value
      : isInt(value)
        ? Number(value)
        : value instanceof Uint
          ? Number(value.value)
          : undefined
  if (number === undefined) return undefined
  return Number.isFinite(number) ? write(number) : special(number)
}

const special = (number: number): string => (Number.isNaN(number) ? 'NaN' : number > 0 ? 'Infinity' : '-Infinity')

function fixed(number: number, digits: number): string {
  // JavaScript writes numbers from 10^21 on with an exponent.
  if (Math.abs(number) < 1e21) return halfToEven(number, digits)
  return withoutExponent(number) + (digits === 0 ? '' : `.${'0'.repeat(digits)}`)
}

/** JavaScript rounds exact halves away from zero, Go to the even neighbour. */
function halfToEven(number: number, digits: number): string {
  const rounded = number.toFixed(digits)
  const scale = 10 ** digits
  const scaled = Math.abs(number) * scale
  const isHalf = scaled % 1 === 0.5 && scaled / scale === Math.abs(number)
  if (!isHalf || Math.floor(scaled) % 2 !== 0) return rounded
  return ((Math.sign(number) * Math.floor(scaled)) / scale).toFixed(digits)
}

function scientific(number: number, digits: number): string {
  return number.toExponential(digits).replace(/e([+-])(\d)$/, 'e$10$2')
}

/** A value as `%s` shows it. */
function shown(value: Value): string {
  if (typeof value === 'string') return value
  if (typeof value === 'boolean' || value === null || isInt(value)) return String(value)
  if (value instanceof Uint) return String(value.value)
  if (value instanceof Double) {
    return Number.isFinite(value.value) ? withoutExponent(value.value) : special(value.value)
  }
  if (value instanceof Uint8Array) return decodeText(value)
  if (value instanceof Timestamp) return formatTimestamp(value)
  if (value instanceof Duration) return formatDuration(value)
  if (value instanceof TypeValue) return value.type.name
  if (value instanceof ListValue) return `[${[...value].map(shown).join(', ')}]`
  if (value instanceof MapValue) {
    const entries = value.keys().map((key): [string, string] => [shownKey(key), shown(value.get(key)!)])
    return `{${entries
      .toSorted(([a], [b]) => compareText(a, b))
      .map(([key, each]) => `${key}: ${each}`)
      .join(', ')}}`
  }
  throw new EvaluationError(
    `error during formatting: string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps, was given ${typeOf(value).name}`,
  )
}

function shownKey(key: Value): string {
  if (typeof key === 'string' || typeof key === 'boolean' || isInt(key) || key instanceof Uint) return shown(key)
  throw new EvaluationError(`error during formatting: no formatting function for map key of type ${typeOf(key).name}`)
}

export const formatLibrary: Library = {
  name: 'format',
  functions: [
    declare(
      'format',
      member('string_format', [stringType, listType(dynType)], stringType, format, {
        cost: ([text]) => Math.ceil(costSize(text!) * costs.traversal),
        estimate: ([text]) => ({ cost: ranges.scale(text!.size, costs.traversal) }),
      }),
    ),
  ],
}

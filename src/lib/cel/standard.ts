/** The functions that every expression may use. Source: cel-spec, doc/langdef.md#list-of-standard-definitions. */
import { declare, member, plain, type FunctionDeclaration, type Overload } from './declarations.ts'
import { formatDouble, parseDouble } from './doubles.ts'
import { regexCost, searchCost, traversalCost } from './estimates.ts'
import { costs, ranges } from './cost.ts'
import type { CallCost } from './estimates.ts'
import { intOfDouble, toInt, toUint, uintOfDouble } from './integers.ts'
import { operatorFunctions } from './operatorFunctions.ts'
import { matches } from './regex.ts'
import { codePointLength, decodeText, encodeText } from './text.ts'
import { formatDuration, formatTimestamp, inZone, parseDuration, parseTimestamp, timestampOf } from './time.ts'
import {
  boolType,
  bytesType,
  doubleType,
  durationType,
  dynType,
  intType,
  listType,
  mapType,
  parameterType,
  stringType,
  timestampType,
  typeType,
  uintType,
  type Type,
} from './types.ts'
import {
  Double,
  type Duration,
  EvaluationError,
  ListValue,
  type MapValue,
  smallest,
  type Timestamp,
  typeOf,
  TypeValue,
  type Uint,
  type Int,
  type Value,
} from './values.ts'

const a = parameterType('A')
const b = parameterType('B')

const same = (value: Value): Value => value

const unreadable = (to: string): EvaluationError =>
  new EvaluationError(`type conversion error from 'string' to '${to}'`)

function sizeOf(value: Value): number {
  if (typeof value === 'string') return codePointLength(value)
  if (value instanceof ListValue || value instanceof Uint8Array) return value.length
  return (value as MapValue).size
}

function intOfText(text: string): Int {
  if (!/^[+-]?\d{1,1000}$/.test(text)) throw unreadable('int')
  try {
    return toInt(BigInt(text.replace(/^\+/, '')))
  } catch {
    throw unreadable('int')
  }
}

function uintOfText(text: string): Uint {
  if (!/^\d{1,1000}$/.test(text)) throw unreadable('uint')
  try {
    return toUint(BigInt(text))
  } catch {
    throw unreadable('uint')
  }
}

function boolOfText(text: string): boolean {
  if (/^(?:1|t|T|TRUE|true|True)$/.test(text)) return true
  if (/^(?:0|f|F|FALSE|false|False)$/.test(text)) return false
  throw unreadable('bool')
}

/** Reads with a function that finds nothing in what it cannot read. */
function reading<T extends Value>(read: (text: string) => T | undefined, to: string): (text: string) => T {
  return (text) => {
    const found = read(text)
    if (found === undefined) throw unreadable(to)
    return found
  }
}

function textOfBytes(bytes: Uint8Array): string {
  try {
    return decodeText(bytes)
  } catch {
    throw new EvaluationError('invalid UTF-8 in bytes, cannot convert to string')
  }
}

const textToBytesCost: CallCost = {
  ...traversalCost(0),
  estimate: ([text]) => ({
    cost: ranges.scale(text!.size, costs.traversal),
    size: { min: text!.size.min, max: text!.size.max * 4 },
  }),
}

const bytesToTextCost: CallCost = {
  ...traversalCost(0),
  estimate: ([bytes]) => ({
    cost: ranges.scale(bytes!.size, costs.traversal),
    size: { min: Math.floor(bytes!.size.min / 4), max: bytes!.size.max },
  }),
}

const sized: readonly (readonly [string, Type])[] = [
  ['string', stringType],
  ['bytes', bytesType],
  ['list', listType(a)],
  ['map', mapType(a, b)],
]

/** A part of a moment, in UTC or in a zone. */
function part(id: string, read: (shown: Date, time: Timestamp) => number): readonly Overload[] {
  const zoned = id === 'seconds' ? 'timestamp_to_seconds_tz' : `timestamp_to_${id}_with_tz`
  return [
    member(`timestamp_to_${id}`, [timestampType], intType, (time: Timestamp) => read(inZone(time, ''), time)),
    member(zoned, [timestampType, stringType], intType, (time: Timestamp, zone: string) =>
      read(inZone(time, zone), time),
    ),
  ]
}

const duration = (id: string, read: (nanos: bigint) => bigint): Overload =>
  member(`duration_to_${id}`, [durationType], intType, ({ nanos }: Duration) => smallest(read(nanos)))

const dayOfYear = (date: Date): number => Math.floor((date.getTime() - new Date(date).setUTCMonth(0, 1)) / 86_400_000)

const times: readonly FunctionDeclaration[] = [
  declare('getFullYear', ...part('year', (date) => date.getUTCFullYear())),
  declare('getMonth', ...part('month', (date) => date.getUTCMonth())),
  declare('getDayOfYear', ...part('day_of_year', dayOfYear)),
  declare('getDayOfMonth', ...part('day_of_month', (date) => date.getUTCDate() - 1)),
  declare('getDate', ...part('day_of_month_1_based', (date) => date.getUTCDate())),
  declare('getDayOfWeek', ...part('day_of_week', (date) => date.getUTCDay())),
  declare(
    'getHours',
    ...part('hours', (date) => date.getUTCHours()),
    duration('hours', (nanos) => nanos / 3_600_000_000_000n),
  ),
  declare(
    'getMinutes',
    ...part('minutes', (date) => date.getUTCMinutes()),
    duration('minutes', (nanos) => nanos / 60_000_000_000n),
  ),
  declare(
    'getSeconds',
    ...part('seconds', (date) => date.getUTCSeconds()),
    duration('seconds', (nanos) => nanos / 1_000_000_000n),
  ),
  declare(
    'getMilliseconds',
    ...part('milliseconds', (_, time) => Math.floor(time.nanos / 1_000_000)),
    duration('milliseconds', (nanos) => (nanos / 1_000_000n) % 1000n),
  ),
]

const conversions: readonly FunctionDeclaration[] = [
  declare('dyn', plain('to_dyn', [a], dynType, same)),
  declare(
    'type',
    plain('type', [a], typeType(a), (value: Value) => new TypeValue(typeOf(value))),
  ),
  declare(
    'bool',
    plain('bool_to_bool', [boolType], boolType, same),
    plain('string_to_bool', [stringType], boolType, boolOfText),
  ),
  declare(
    'bytes',
    plain('bytes_to_bytes', [bytesType], bytesType, same),
    plain('string_to_bytes', [stringType], bytesType, encodeText, textToBytesCost),
  ),
  declare(
    'double',
    plain('double_to_double', [doubleType], doubleType, same),
    plain('int64_to_double', [intType], doubleType, (value: Int) => new Double(Number(value))),
    plain(
      'string_to_double',
      [stringType],
      doubleType,
      (text: string) => new Double(reading((each) => box(parseDouble(each)), 'double')(text).value),
    ),
    plain('uint64_to_double', [uintType], doubleType, ({ value }: Uint) => new Double(Number(value))),
  ),
  declare(
    'duration',
    plain('duration_to_duration', [durationType], durationType, same),
    plain('string_to_duration', [stringType], durationType, reading(parseDuration, 'google.protobuf.Duration')),
  ),
  declare(
    'int',
    plain('int64_to_int64', [intType], intType, same),
    plain('double_to_int64', [doubleType], intType, ({ value }: Double) => intOfDouble(value)),
    plain('duration_to_int64', [durationType], intType, ({ nanos }: Duration) => toInt(nanos)),
    plain('string_to_int64', [stringType], intType, intOfText),
    plain('timestamp_to_int64', [timestampType], intType, ({ seconds }: Timestamp) => seconds),
    plain('uint64_to_int64', [uintType], intType, ({ value }: Uint) => toInt(value)),
  ),
  declare(
    'string',
    plain('string_to_string', [stringType], stringType, same),
    plain('bool_to_string', [boolType], stringType, String),
    plain('bytes_to_string', [bytesType], stringType, textOfBytes, bytesToTextCost),
    plain('double_to_string', [doubleType], stringType, ({ value }: Double) => formatDouble(value)),
    plain('duration_to_string', [durationType], stringType, formatDuration),
    plain('int64_to_string', [intType], stringType, String),
    plain('timestamp_to_string', [timestampType], stringType, formatTimestamp),
    plain('uint64_to_string', [uintType], stringType, ({ value }: Uint) => String(value)),
  ),
  declare(
    'timestamp',
    plain('timestamp_to_timestamp', [timestampType], timestampType, same),
    plain('int64_to_timestamp', [intType], timestampType, (seconds: Int) => timestampOf(Number(seconds), 0)),
    plain('string_to_timestamp', [stringType], timestampType, reading(parseTimestamp, 'google.protobuf.Timestamp')),
  ),
  declare(
    'uint',
    plain('uint64_to_uint64', [uintType], uintType, same),
    plain('double_to_uint64', [doubleType], uintType, ({ value }: Double) => uintOfDouble(value)),
    plain('int64_to_uint64', [intType], uintType, (value: Int) => toUint(BigInt(value))),
    plain('string_to_uint64', [stringType], uintType, uintOfText),
  ),
]

const box = (value: number | undefined): Double | undefined => (value === undefined ? undefined : new Double(value))

const affixCost: CallCost = traversalCost(1)

export const standardFunctions: readonly FunctionDeclaration[] = [
  ...operatorFunctions,
  declare(
    'size',
    ...sized.flatMap(([name, type]) => [
      plain(`size_${name}`, [type], intType, sizeOf),
      member(`${name}_size`, [type], intType, sizeOf),
    ]),
  ),
  ...conversions,
  declare(
    'contains',
    member(
      'contains_string',
      [stringType, stringType],
      boolType,
      (text: string, part: string) => text.includes(part),
      searchCost,
    ),
  ),
  declare(
    'startsWith',
    member(
      'starts_with_string',
      [stringType, stringType],
      boolType,
      (text: string, prefix: string) => text.startsWith(prefix),
      {
        cost: traversalCost(0).cost,
        estimate: affixCost.estimate,
      },
    ),
  ),
  declare(
    'endsWith',
    member(
      'ends_with_string',
      [stringType, stringType],
      boolType,
      (text: string, suffix: string) => text.endsWith(suffix),
      {
        cost: traversalCost(0).cost,
        estimate: affixCost.estimate,
      },
    ),
  ),
  declare(
    'matches',
    plain('matches', [stringType, stringType], boolType, matches),
    member('matches_string', [stringType, stringType], boolType, matches, regexCost(false)),
  ),
  ...times,
]

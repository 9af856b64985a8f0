/** The functions behind operators. Logical ones and the choice are evaluated apart: they do not look at all arguments. */
import { operators } from './ast.ts'
import { declare, plain, type FunctionDeclaration, type Overload } from './declarations.ts'
import {
  comparisonCost,
  concatenationCost,
  equalityCost,
  listConcatenationCost,
  listCost,
  type CallCost,
} from './estimates.ts'
import { arithmetic, negate } from './integers.ts'
import { compareText } from './text.ts'
import { addDuration, compareTimes, durationOf, timeBetween } from './time.ts'
import {
  boolType,
  bytesType,
  doubleType,
  durationType,
  intType,
  listType,
  mapType,
  parameterType,
  stringType,
  timestampType,
  uintType,
  type Type,
} from './types.ts'
import {
  compareBytes,
  compareNumbers,
  Double,
  Duration,
  equals,
  EvaluationError,
  isNumeric,
  ListValue,
  MapValue,
  noSuchOverload,
  smallest,
  Timestamp,
  Uint,
  type Value,
} from './values.ts'

const a = parameterType('A')
const b = parameterType('B')
const listOfA = listType(a)
const mapOfAB = mapType(a, b)

/** Below, at or above zero, or NaN; throws for values that have no order. */
export function compare(x: Value, y: Value): number {
  if (typeof x === 'number' && typeof y === 'number') return x - y
  if (typeof x === 'string' && typeof y === 'string') return compareText(x, y)
  if (isNumeric(x) && isNumeric(y)) return compareNumbers(x, y)
  if (typeof x === 'boolean' && typeof y === 'boolean') return Number(x) - Number(y)
  if (x instanceof Timestamp && y instanceof Timestamp) return compareTimes(x, y)
  if (x instanceof Duration && y instanceof Duration) return x.nanos < y.nanos ? -1 : Number(x.nanos > y.nanos)
  if (x instanceof Uint8Array && y instanceof Uint8Array) return compareBytes(x, y)
  throw noSuchOverload()
}

function add(x: Value, y: Value): Value {
  if (typeof x === 'string' && typeof y === 'string') return x + y
  if (x instanceof ListValue && y instanceof ListValue) return x.concat(y)
  if (x instanceof Uint8Array && y instanceof Uint8Array) {
    const joined = new Uint8Array(x.length + y.length)
    joined.set(x)
    joined.set(y, x.length)
    return joined
  }
  if (x instanceof Duration && y instanceof Duration) return durationOf(x.nanos + y.nanos)
  if (x instanceof Timestamp && y instanceof Duration) return addDuration(x, y)
  if (x instanceof Duration && y instanceof Timestamp) return addDuration(y, x)
  return arithmetic.add(x, y)
}

function subtract(x: Value, y: Value): Value {
  if (x instanceof Duration && y instanceof Duration) return durationOf(x.nanos - y.nanos)
  if (x instanceof Timestamp && y instanceof Duration) return addDuration(x, new Duration(-y.nanos))
  if (x instanceof Timestamp && y instanceof Timestamp) return timeBetween(x, y)
  return arithmetic.subtract(x, y)
}

/** The element or value at an index; throws when there is none. */
export function indexValue(container: Value, index: Value): Value {
  if (container instanceof MapValue) {
    const found = container.get(index)
    if (found === undefined) throw new EvaluationError(`no such key: ${shownKey(index)}`)
    return found
  }
  if (!(container instanceof ListValue)) throw noSuchOverload()
  const position = listPosition(index)
  if (position === undefined) throw new EvaluationError(`unsupported index type in list`)
  if (position < 0 || position >= container.length) throw new EvaluationError(`index out of bounds: ${shownKey(index)}`)
  return container.at(position)
}

/** Whole numbers of every type are positions. */
export function listPosition(index: Value): number | undefined {
  if (typeof index === 'number') return index
  if (index instanceof Uint) return Number(index.value)
  if (index instanceof Double && Number.isInteger(index.value)) return index.value
  return typeof index === 'bigint' ? Number(index) : undefined
}

export function shownKey(key: Value): string {
  if (key instanceof Uint || key instanceof Double) return String(smallestShown(key))
  return typeof key === 'object' ? 'unsupported key' : String(key)
}

const smallestShown = (key: Uint | Double): unknown => (key instanceof Uint ? smallest(key.value) : key.value)

export function isIn(element: Value, container: Value): boolean {
  if (container instanceof MapValue) return container.get(element) !== undefined
  if (!(container instanceof ListValue)) throw noSuchOverload()
  for (const each of container) if (equals(each, element)) return true
  return false
}

const numberTypes: readonly (readonly [string, Type])[] = [
  ['int64', intType],
  ['uint64', uintType],
  ['double', doubleType],
]

/** One signature for each type of numbers that an operator takes two of. */
function onNumbers(
  prefix: string,
  call: (x: Value, y: Value) => Value,
  ...names: readonly string[]
): readonly Overload[] {
  return numberTypes
    .filter(([name]) => names.includes(name))
    .map(([name, type]) => plain(`${prefix}_${name}`, [type, type], type, call))
}

/** An order between two values of each type that has one, and between numbers of different types. */
function order(prefix: string, holds: (order: number) => boolean): readonly Overload[] {
  const call = (x: Value, y: Value): boolean => holds(compare(x, y))
  const overload = (id: string, left: Type, right: Type, cost?: CallCost): Overload =>
    plain(`${prefix}_${id}`, [left, right], boolType, call, cost)
  return [
    overload('bool', boolType, boolType),
    ...numberTypes.flatMap(([name, left]) =>
      numberTypes.map(([other, right]) => overload(name === other ? name : `${name}_${other}`, left, right)),
    ),
    overload('string', stringType, stringType, comparisonCost),
    overload('bytes', bytesType, bytesType, comparisonCost),
    overload('timestamp', timestampType, timestampType),
    overload('duration', durationType, durationType),
  ]
}

/** Never called: the evaluator has its own way with these. */
const apart = (): never => {
  throw noSuchOverload()
}

export const operatorFunctions: readonly FunctionDeclaration[] = [
  declare(operators.conditional, plain('conditional', [boolType, a, a], a, apart)),
  declare(operators.and, plain('logical_and', [boolType, boolType], boolType, apart)),
  declare(operators.or, plain('logical_or', [boolType, boolType], boolType, apart)),
  declare(operators.notStrictlyFalse, plain('not_strictly_false', [boolType], boolType, apart)),
  declare(
    operators.not,
    plain('logical_not', [boolType], boolType, (value: boolean) => !value),
  ),
  declare(operators.equals, plain('equals', [a, a], boolType, equals, equalityCost)),
  declare(
    operators.notEquals,
    plain('not_equals', [a, a], boolType, (x: Value, y: Value) => !equals(x, y), comparisonCost),
  ),
  declare(
    operators.add,
    ...onNumbers('add', add, 'int64', 'uint64', 'double'),
    plain('add_string', [stringType, stringType], stringType, add, concatenationCost),
    plain('add_bytes', [bytesType, bytesType], bytesType, add, concatenationCost),
    plain('add_list', [listOfA, listOfA], listOfA, add, listConcatenationCost),
    plain('add_duration_duration', [durationType, durationType], durationType, add),
    plain('add_duration_timestamp', [durationType, timestampType], timestampType, add),
    plain('add_timestamp_duration', [timestampType, durationType], timestampType, add),
  ),
  declare(
    operators.subtract,
    ...onNumbers('subtract', subtract, 'int64', 'uint64', 'double'),
    plain('subtract_duration_duration', [durationType, durationType], durationType, subtract),
    plain('subtract_timestamp_duration', [timestampType, durationType], timestampType, subtract),
    plain('subtract_timestamp_timestamp', [timestampType, timestampType], durationType, subtract),
  ),
  declare(operators.multiply, ...onNumbers('multiply', arithmetic.multiply, 'int64', 'uint64', 'double')),
  declare(operators.divide, ...onNumbers('divide', arithmetic.divide, 'int64', 'uint64', 'double')),
  declare(operators.modulo, ...onNumbers('modulo', arithmetic.modulo, 'int64', 'uint64')),
  declare(
    operators.negate,
    plain('negate_int64', [intType], intType, negate),
    plain('negate_double', [doubleType], doubleType, negate),
  ),
  declare(operators.less, ...order('less', (result) => result < 0)),
  declare(operators.lessOrEqual, ...order('less_equals', (result) => result <= 0)),
  declare(operators.greater, ...order('greater', (result) => result > 0)),
  declare(operators.greaterOrEqual, ...order('greater_equals', (result) => result >= 0)),
  declare(
    operators.index,
    plain('index_list', [listOfA, intType], a, indexValue),
    plain('index_map', [mapOfAB, a], b, indexValue),
  ),
  declare(
    operators.in,
    plain('in_list', [a, listOfA], boolType, isIn, listCost(1)),
    plain('in_map', [a, mapOfAB], boolType, isIn),
  ),
]

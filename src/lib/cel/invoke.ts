/** Calls of functions: the first overload whose parameters fit the values is called, and its cost is counted. */
import type { Overload } from './declarations.ts'
import { textComparisonCost } from './estimates.ts'
import type { Evaluate, Frame } from './frame.ts'
import type { Type } from './types.ts'
import {
  Double,
  Duration,
  equals,
  EvaluationError,
  ListValue,
  MapValue,
  OpaqueValue,
  Optional,
  Timestamp,
  typeOf,
  TypeValue,
  Uint,
  type Value,
} from './values.ts'

type Fits = (value: Value) => boolean

const always: Fits = () => true

/** Whether a value may stand where a type is asked for. What is inside lists and maps is not looked at. */
function fitOf(type: Type): Fits {
  switch (type.kind) {
    case 'bool':
      return (value) => typeof value === 'boolean'
    case 'string':
      return (value) => typeof value === 'string'
    case 'int':
      return (value) => typeof value === 'number' || typeof value === 'bigint'
    case 'uint':
      return (value) => value instanceof Uint
    case 'double':
      return (value) => value instanceof Double
    case 'bytes':
      return (value) => value instanceof Uint8Array
    case 'list':
      return (value) => value instanceof ListValue
    case 'map':
    case 'struct':
      return (value) => value instanceof MapValue
    case 'duration':
      return (value) => value instanceof Duration
    case 'timestamp':
      return (value) => value instanceof Timestamp
    case 'null':
      return (value) => value === null
    case 'type':
      return (value) => value instanceof TypeValue
    case 'opaque':
      if (type.name === 'optional_type') return (value) => value instanceof Optional
      return (value) => value instanceof OpaqueValue && value.type.name === type.name
    default:
      return always
  }
}

export function compileCall(name: string, overloads: readonly Overload[], parameters: readonly Evaluate[]): Evaluate {
  const [only] = overloads
  if (overloads.length === 1 && only !== undefined) {
    if (parameters.length === 1) return unary(name, only, parameters[0]!)
    if (parameters.length === 2) return binary(name, only, parameters[0]!, parameters[1]!)
  }
  const choices = overloads.map((overload) => ({ overload, fits: overload.parameters.map(fitOf) }))
  return (frame) => {
    const values = parameters.map((each) => each(frame))
    for (const { overload, fits } of choices) {
      if (fits.every((fit, index) => fit(values[index]!))) return pay(frame, overload, values, overload.call(...values))
    }
    throw noOverload(name, values)
  }
}

function unary(name: string, overload: Overload, parameter: Evaluate): Evaluate {
  if (overload.id === 'logical_not') return negation(name, parameter)
  const fit = fitOf(overload.parameters[0]!)
  return (frame) => {
    const value = parameter(frame)
    if (!fit(value)) throw noOverload(name, [value])
    const result = overload.call(value)
    if (overload.cost === undefined) frame.pay(1)
    else frame.pay(overload.cost([value], result))
    return result
  }
}

function negation(name: string, parameter: Evaluate): Evaluate {
  return (frame) => {
    const value = parameter(frame)
    if (typeof value !== 'boolean') throw noOverload(name, [value])
    frame.pay(1)
    return !value
  }
}

/** `==` and `!=`, which take anything. Most often they compare texts. */
function equality(overload: Overload, left: Evaluate, right: Evaluate, wanted: boolean): Evaluate {
  const cost = overload.cost!
  return (frame) => {
    const a = left(frame)
    const b = right(frame)
    if (typeof a === 'string' && typeof b === 'string') {
      frame.pay(textComparisonCost(a, b))
      return (a === b) === wanted
    }
    const result = equals(a, b) === wanted
    frame.pay(cost([a, b], result))
    return result
  }
}

function binary(name: string, overload: Overload, left: Evaluate, right: Evaluate): Evaluate {
  if (overload.id === 'equals') return equality(overload, left, right, true)
  if (overload.id === 'not_equals') return equality(overload, left, right, false)
  const [first, second] = overload.parameters
  if (first!.kind === 'string' && second!.kind === 'string') return binaryOfTexts(name, overload, left, right)
  const fitLeft = fitOf(overload.parameters[0]!)
  const fitRight = fitOf(overload.parameters[1]!)
  return (frame) => {
    const a = left(frame)
    const b = right(frame)
    if (!fitLeft(a) || !fitRight(b)) throw noOverload(name, [a, b])
    const result = overload.call(a, b)
    if (overload.cost === undefined) frame.pay(1)
    else frame.pay(overload.cost([a, b], result))
    return result
  }
}

/** A function of two texts, which most of those that rules call are. */
function binaryOfTexts(name: string, overload: Overload, left: Evaluate, right: Evaluate): Evaluate {
  const { call, cost } = overload
  return (frame) => {
    const a = left(frame)
    const b = right(frame)
    if (typeof a !== 'string' || typeof b !== 'string') throw noOverload(name, [a, b])
    const result = call(a, b)
    frame.pay(cost === undefined ? 1 : cost([a, b], result))
    return result
  }
}

function pay(frame: Frame, overload: Overload, values: readonly Value[], result: Value): Value {
  frame.pay(overload.cost?.(values, result) ?? 1)
  return result
}

function noOverload(name: string, values: readonly Value[]): EvaluationError {
  return new EvaluationError(`no such overload: ${name}(${values.map((value) => typeOf(value).name).join(', ')})`)
}

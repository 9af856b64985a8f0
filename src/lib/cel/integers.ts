/** Arithmetic of int (64 bits, signed), uint (64 bits) and double. What does not fit is an error, never a wrong number. */
import { Double, EvaluationError, noSuchOverload, smallest, Uint, type Int, type Value } from './values.ts'

const lowest = -(1n << 63n)
const highest = (1n << 63n) - 1n
const highestUint = (1n << 64n) - 1n

const intOverflow = (): EvaluationError => new EvaluationError('integer overflow')
const uintOverflow = (): EvaluationError => new EvaluationError('unsigned integer overflow')

/** An int of that value; throws when it does not fit in 64 bits. */
export function toInt(value: bigint): Int {
  if (value < lowest || value > highest) throw intOverflow()
  return smallest(value)
}

export function toUint(value: bigint): Uint {
  if (value < 0n || value > highestUint) throw uintOverflow()
  return new Uint(value)
}

export function isInt(value: Value): value is Int {
  return typeof value === 'number' || typeof value === 'bigint'
}

export function add(a: Int, b: Int): Int {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b
    if (Number.isSafeInteger(sum)) return sum
  }
  return toInt(BigInt(a) + BigInt(b))
}

export function subtract(a: Int, b: Int): Int {
  if (typeof a === 'number' && typeof b === 'number') {
    const difference = a - b
    if (Number.isSafeInteger(difference)) return difference
  }
  return toInt(BigInt(a) - BigInt(b))
}

/** Operators on two numbers of one type. Adding zero turns -0, which no int is, into 0. */
export const arithmetic = {
  add: binary(
    add,
    (a, b) => a + b,
    (a, b) => a + b,
  ),
  subtract: binary(
    subtract,
    (a, b) => a - b,
    (a, b) => a - b,
  ),
  multiply: binary(
    (a, b) => {
      if (typeof a === 'number' && typeof b === 'number') {
        const product = a * b
        if (Number.isSafeInteger(product)) return product + 0
      }
      return toInt(BigInt(a) * BigInt(b))
    },
    (a, b) => a * b,
    (a, b) => a * b,
  ),
  divide: binary(
    (a, b) => {
      if (b === 0) throw new EvaluationError('division by zero')
      // The dividend less its remainder divides without rounding.
      if (typeof a === 'number' && typeof b === 'number') return (a - (a % b)) / b + 0
      return toInt(BigInt(a) / BigInt(b))
    },
    (a, b) => {
      if (b === 0n) throw new EvaluationError('division by zero')
      return a / b
    },
    (a, b) => a / b,
  ),
  modulo: binary(
    (a, b) => {
      if (b === 0) throw new EvaluationError('modulus by zero')
      if (typeof a === 'number' && typeof b === 'number') return (a % b) + 0
      if (BigInt(a) === lowest && BigInt(b) === -1n) throw intOverflow()
      return toInt(BigInt(a) % BigInt(b))
    },
    (a, b) => {
      if (b === 0n) throw new EvaluationError('modulus by zero')
      return a % b
    },
  ),
}

function binary(
  ofInts: (a: Int, b: Int) => Int,
  ofUints: (a: bigint, b: bigint) => bigint,
  ofDoubles?: (a: number, b: number) => number,
): (a: Value, b: Value) => Value {
  return (a, b) => {
    if (isInt(a) && isInt(b)) return ofInts(a, b)
    if (a instanceof Uint && b instanceof Uint) return toUint(ofUints(a.value, b.value))
    if (a instanceof Double && b instanceof Double && ofDoubles !== undefined)
      return new Double(ofDoubles(a.value, b.value))
    throw noSuchOverload()
  }
}

export function negate(value: Value): Value {
  if (typeof value === 'number') return 0 - value
  if (typeof value === 'bigint') return toInt(-value)
  if (value instanceof Double) return new Double(-value.value)
  throw noSuchOverload()
}

/** The int that a double truncates to. */
export function intOfDouble(value: number): Int {
  // 2^63 itself does not fit, and -2^63 is refused as upstream refuses it.
  if (!(value > -(2 ** 63) && value < 2 ** 63)) throw intOverflow()
  return smallest(BigInt(Math.trunc(value)))
}

export function uintOfDouble(value: number): Uint {
  if (!(value >= 0 && value < 2 ** 64)) throw uintOverflow()
  return new Uint(BigInt(Math.trunc(value)))
}

/** Least and greatest, rounding, signs and bits. */
import { make, type Expression } from '../ast.ts'
import { declare, plain, type FunctionDeclaration, type Library, type Overload } from '../declarations.ts'
import { isInt, toInt } from '../integers.ts'
import type { Macro } from '../macros.ts'
import { boolType, doubleType, dynType, intType, listType, uintType, type Type } from '../types.ts'
import {
  compareNumbers,
  Double,
  EvaluationError,
  type ListValue,
  smallest,
  Uint,
  type Int,
  type Numeric,
  type Value,
} from '../values.ts'

const numbers: readonly (readonly [string, Type])[] = [
  ['double', doubleType],
  ['int', intType],
  ['uint', uintType],
]

/** The outermost of some numbers. */
function outermost(name: string, better: (order: number) => boolean): FunctionDeclaration {
  const pick = (a: Numeric, b: Numeric): Numeric => (better(compareNumbers(a, b)) ? a : b)
  const ofList = (list: ListValue): Value => {
    if (list.length === 0) throw new EvaluationError(`math.${name}(list) argument must not be empty`)
    return ([...list] as Numeric[]).reduce((best, each) => (better(compareNumbers(each, best)) ? each : best))
  }
  return declare(
    `math.@${name}`,
    ...numbers.map(([id, type]) => plain(`math_@${name}_${id}`, [type], type, (value: Value) => value)),
    ...numbers.flatMap(([left, a]) =>
      numbers.map(([right, b]) => plain(`math_@${name}_${left}_${right}`, [a, b], a === b ? a : dynType, pick)),
    ),
    ...numbers.map(([id, type]) => plain(`math_@${name}_list_${id}`, [listType(type)], type, ofList)),
  )
}

function outermostMacro(name: string, to: string): Macro {
  return {
    name,
    arity: '*',
    member: true,
    expand(context, offset, target, parameters) {
      if (target?.kind !== 'identifier' || target.name !== 'math') return undefined
      if (parameters.length === 0)
        return context.problem(target.offset, `math.${name}() requires at least one argument`)
      if (parameters.length === 1) {
        const [only] = parameters
        const fits =
          only!.kind === 'list' ? only!.elements.length > 0 && only!.elements.every(mayBeNumber) : mayBeNumber(only!)
        if (!fits) return context.problem(only!.offset, `math.${name}() invalid single argument value`)
        return make.call(offset, to, only!)
      }
      const wrong = parameters.find((each) => !mayBeNumber(each))
      if (wrong !== undefined) {
        return context.problem(wrong.offset, `math.${name}() simple literal arguments must be numeric`)
      }
      return parameters.length === 2
        ? make.call(offset, to, ...parameters)
        : make.call(offset, to, make.list(offset, parameters))
    },
  }
}

function mayBeNumber(expression: Expression): boolean {
  if (expression.kind === 'literal') {
    return isInt(expression.value) || expression.value instanceof Double || expression.value instanceof Uint
  }
  return expression.kind !== 'list' && expression.kind !== 'map' && expression.kind !== 'struct'
}

const onDouble = (name: string, call: (value: number) => number): FunctionDeclaration =>
  declare(
    `math.${name}`,
    plain(`math_${name}_double`, [doubleType], doubleType, ({ value }: Double) => new Double(call(value))),
  )

const testDouble = (name: string, call: (value: number) => boolean): FunctionDeclaration =>
  declare(
    `math.${name}`,
    plain(`math_${name}_double`, [doubleType], boolType, ({ value }: Double) => call(value)),
  )

/** Halves go away from zero, as in Go. */
const round = (value: number): number => Math.sign(value) * Math.round(Math.abs(value))

function absolute(value: Int): Int {
  return value < 0 ? toInt(-BigInt(value)) : value
}

function bits(name: string, call: (a: bigint, b: bigint) => bigint): FunctionDeclaration {
  return declare(
    `math.${name}`,
    plain(`math_${name}_int_int`, [intType, intType], intType, (a: Int, b: Int) =>
      smallest(call(BigInt(a), BigInt(b))),
    ),
    plain(
      `math_${name}_uint_uint`,
      [uintType, uintType],
      uintType,
      (a: Uint, b: Uint) => new Uint(call(a.value, b.value)),
    ),
  )
}

function shift(name: string, ofInt: (value: bigint, by: bigint) => bigint, ofUint: typeof ofInt): FunctionDeclaration {
  const checked = (by: Int): bigint => {
    if (by < 0) throw new EvaluationError(`math.${name}() negative offset: ${by}`)
    return by > 64 ? 64n : BigInt(by)
  }
  return declare(
    `math.${name}`,
    plain(`math_${name}_int_int`, [intType, intType], intType, (value: Int, by: Int) =>
      smallest(BigInt.asIntN(64, ofInt(BigInt(value), checked(by)))),
    ),
    plain(
      `math_${name}_uint_int`,
      [uintType, intType],
      uintType,
      ({ value }: Uint, by: Int) => new Uint(BigInt.asUintN(64, ofUint(value, checked(by)))),
    ),
  )
}

const root = (id: string, type: Type, read: (value: any) => number): Overload =>
  plain(`math_sqrt_${id}`, [type], doubleType, (value: Value) => new Double(Math.sqrt(read(value))))

export const mathLibrary: Library = {
  name: 'math',
  macros: [outermostMacro('least', 'math.@min'), outermostMacro('greatest', 'math.@max')],
  functions: [
    outermost('min', (order) => order <= 0),
    outermost('max', (order) => order >= 0),
    onDouble('ceil', Math.ceil),
    onDouble('floor', Math.floor),
    onDouble('round', round),
    onDouble('trunc', Math.trunc),
    testDouble('isInf', (value) => Math.abs(value) === Infinity),
    testDouble('isNaN', Number.isNaN),
    testDouble('isFinite', Number.isFinite),
    declare(
      'math.abs',
      plain('math_abs_double', [doubleType], doubleType, ({ value }: Double) => new Double(Math.abs(value))),
      plain('math_abs_int', [intType], intType, absolute),
      plain('math_abs_uint', [uintType], uintType, (value: Uint) => value),
    ),
    declare(
      'math.sign',
      plain('math_sign_double', [doubleType], doubleType, ({ value }: Double) => new Double(Math.sign(value))),
      plain('math_sign_int', [intType], intType, (value: Int) => (value > 0 ? 1 : value < 0 ? -1 : 0)),
      plain('math_sign_uint', [uintType], uintType, ({ value }: Uint) => new Uint(value === 0n ? 0n : 1n)),
    ),
    declare(
      'math.sqrt',
      root('double', doubleType, ({ value }: Double) => value),
      root('int', intType, Number),
      root('uint', uintType, ({ value }: Uint) => Number(value)),
    ),
    bits('bitAnd', (a, b) => a & b),
    bits('bitOr', (a, b) => a | b),
    bits('bitXor', (a, b) => a ^ b),
    declare(
      'math.bitNot',
      plain('math_bitNot_int_int', [intType], intType, (value: Int) => smallest(~BigInt(value))),
      plain('math_bitNot_uint_uint', [uintType], uintType, ({ value }: Uint) => new Uint(BigInt.asUintN(64, ~value))),
    ),
    shift(
      'bitShiftLeft',
      (value, by) => value << by,
      (value, by) => value << by,
    ),
    shift(
      'bitShiftRight',
      (value, by) => BigInt.asUintN(64, value) >> by,
      (value, by) => value >> by,
    ),
  ],
}

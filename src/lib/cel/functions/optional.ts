/** Values that may be absent: `optional.of(x)`, `a.?b.orValue(c)`, `a.?b.optMap(x, …)`. */
import { copyExpression, make, operators, unusedName, type Expression } from '../ast.ts'
import { declare, member, plain, type Library } from '../declarations.ts'
import { indexValue } from '../operatorFunctions.ts'
import type { Macro } from '../macros.ts'
import { boolType, dynType, intType, listType, mapType, optionalType, parameterType, stringType } from '../types.ts'
import {
  Double,
  Duration,
  EvaluationError,
  List,
  ListValue,
  MapValue,
  noSuchOverload,
  Optional,
  Timestamp,
  Uint,
  type Value,
} from '../values.ts'

const k = parameterType('K')
const v = parameterType('V')
const optionalOfV = optionalType(v)
const listOfV = listType(v)
const mapOfKV = mapType(k, v)
const listOfOptionals = listType(optionalOfV)

/** Evaluated by the evaluator itself, which does not look at all of their arguments. */
const apart = (): never => {
  throw noSuchOverload()
}

function isZero(value: Value): boolean {
  if (value === null || value === false || value === 0 || value === '') return true
  if (value instanceof Uint) return value.value === 0n
  if (value instanceof Double) return value.value === 0
  if (value instanceof Duration) return value.nanos === 0n
  if (value instanceof Timestamp) return value.seconds === -62_135_596_800 && value.nanos === 0
  if (value instanceof ListValue || value instanceof Uint8Array) return value.length === 0
  if (value instanceof MapValue) return value.size === 0
  return value instanceof Optional && value.value === undefined
}

function valueOf({ value }: Optional): Value {
  if (value === undefined) throw new EvaluationError('optional.none() dereference')
  return value
}

function present(list: ListValue): Value {
  const values: Value[] = []
  for (const each of list) {
    if (!(each instanceof Optional)) throw new EvaluationError('value is not optional')
    if (each.value !== undefined) values.push(each.value)
  }
  return new List(values)
}

/** `target.optMap(x, use)` is `target.hasValue() ? optional.of(use where x is target.value()) : optional.none()`. */
function mapMacro(name: string, wrap: (offset: number, used: Expression) => Expression): Macro {
  return {
    name,
    arity: 2,
    member: true,
    expand(context, offset, target, [variable, use]) {
      if (variable!.kind !== 'identifier') {
        return context.problem(variable!.offset, `${name}() variable name must be a simple identifier`)
      }
      const used = make.comprehension(offset, {
        range: make.list(offset, []),
        variable: unusedName,
        accumulator: variable!.name,
        initial: make.memberCall(offset, copyExpression(target!), 'value'),
        condition: make.literal(offset, false),
        step: make.identifier(offset, variable!.name),
        result: use!,
      })
      return make.call(
        offset,
        operators.conditional,
        make.memberCall(offset, target!, 'hasValue'),
        wrap(offset, used),
        make.call(offset, 'optional.none'),
      )
    },
  }
}

export const optionalLibrary: Library = {
  name: 'optional',
  types: [optionalType(dynType)],
  macros: [
    mapMacro('optMap', (offset, used) => make.call(offset, 'optional.of', used)),
    mapMacro('optFlatMap', (_, used) => used),
  ],
  functions: [
    declare(
      'optional.of',
      plain('optional_of', [v], optionalOfV, (value: Value) => new Optional(value)),
    ),
    declare(
      'optional.ofNonZeroValue',
      plain('optional_ofNonZeroValue', [v], optionalOfV, (value: Value) =>
        isZero(value) ? Optional.none : new Optional(value),
      ),
    ),
    declare(
      'optional.none',
      plain('optional_none', [], optionalOfV, () => Optional.none),
    ),
    declare('value', member('optional_value', [optionalOfV], v, valueOf)),
    declare(
      'hasValue',
      member('optional_hasValue', [optionalOfV], boolType, ({ value }: Optional) => value !== undefined),
    ),
    declare('or', member('optional_or_optional', [optionalOfV, optionalOfV], optionalOfV, apart)),
    declare('orValue', member('optional_orValue_value', [optionalOfV, v], v, apart)),
    declare(operators.optionalSelect, plain('select_optional_field', [dynType, stringType], optionalOfV, apart)),
    declare(
      operators.optionalIndex,
      plain('list_optindex_optional_int', [listOfV, intType], optionalOfV, apart),
      plain('optional_list_optindex_optional_int', [optionalType(listOfV), intType], optionalOfV, apart),
      plain('map_optindex_optional_value', [mapOfKV, k], optionalOfV, apart),
      plain('optional_map_optindex_optional_value', [optionalType(mapOfKV), k], optionalOfV, apart),
    ),
    declare(
      operators.index,
      plain('optional_list_index_int', [optionalType(listOfV), intType], optionalOfV, indexValue),
      plain('optional_map_index_value', [optionalType(mapOfKV), k], optionalOfV, indexValue),
    ),
    declare(
      'first',
      member('list_first', [listOfV], optionalOfV, (list: ListValue) =>
        list.length === 0 ? Optional.none : new Optional(list.at(0)),
      ),
    ),
    declare(
      'last',
      member('list_last', [listOfV], optionalOfV, (list: ListValue) =>
        list.length === 0 ? Optional.none : new Optional(list.at(list.length - 1)),
      ),
    ),
    declare('optional.unwrap', plain('optional_unwrap', [listOfOptionals], listOfV, present)),
    declare('unwrapOpt', member('optional_unwrapOpt', [listOfOptionals], listOfV, present)),
  ],
}

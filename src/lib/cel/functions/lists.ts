/** Lists: slices, flattening, sorting, ranges. */
import { make, unusedName } from '../ast.ts'
import { unbounded } from '../cost.ts'
import { declare, member, plain, type Library } from '../declarations.ts'
import { allocationCost, allocationEstimate, literalNumber, type CallCost } from '../estimates.ts'
import { folds, variableName } from '../macros.ts'
import { accumulatorName } from '../ast.ts'
import { compare } from '../operatorFunctions.ts'
import {
  boolType,
  bytesType,
  doubleType,
  durationType,
  dynType,
  intType,
  listType,
  parameterType,
  stringType,
  timestampType,
  uintType,
  type Type,
} from '../types.ts'
import { costSize, equals, EvaluationError, List, ListValue, typeOf, type Int, type Value } from '../values.ts'

const element = parameterType('T')
const list = listType(element)
const inputName = '@__sortBy_input__'

/** No list that an expression makes is longer: its cost alone would end the evaluation before. */
const longestRange = 1_000_000

const comparable: readonly (readonly [string, Type])[] = [
  ['int', intType],
  ['uint', uintType],
  ['double', doubleType],
  ['bool', boolType],
  ['google.protobuf.Duration', durationType],
  ['google.protobuf.Timestamp', timestampType],
  ['string', stringType],
  ['bytes', bytesType],
]

function slice(from: ListValue, start: Int, end: Int): Value {
  const shown = `cannot slice(${start}, ${end}), `
  if (start < 0 || end < 0) throw new EvaluationError(`${shown}negative indexes not supported`)
  if (start > end) throw new EvaluationError(`${shown}start index must be less than or equal to end index`)
  if (from.length < end) throw new EvaluationError(`${shown}list is length ${from.length}`)
  return new List([...from].slice(Number(start), Number(end)))
}

function flatten(from: ListValue, depth: Int = 1): Value {
  if (depth < 0) throw new EvaluationError('level must be non-negative')
  const items: Value[] = []
  const collect = (inner: ListValue, left: number): void => {
    for (const each of inner) {
      if (each instanceof ListValue && left > 0) collect(each, left - 1)
      else items.push(each)
    }
  }
  // Nothing that is made by an expression nests as deep as this.
  collect(from, Math.min(Number(depth), 1_000))
  return new List(items)
}

function range(count: Int): Value {
  if (count > longestRange) throw new EvaluationError(`range of ${count} is too long`)
  return new List(Array.from({ length: Math.max(Number(count), 0) }, (_, index) => index))
}

function distinct(from: ListValue): Value {
  const seen = new Set<Value>()
  const items: Value[] = []
  for (const each of from) {
    if (typeof each === 'string' || typeof each === 'boolean') {
      if (seen.has(each)) continue
      seen.add(each)
    } else if (items.some((other) => equals(other, each))) continue
    items.push(each)
  }
  return new List(items)
}

/** Sorts a list by the order of the keys that stand at the same places of another. */
function sortByKeys(from: ListValue, keys: ListValue): Value {
  if (from.length !== keys.length) {
    throw new EvaluationError(
      `@sortByAssociatedKeys() expected a list of the same size as the associated keys list, but got ${from.length} and ${keys.length} elements respectively`,
    )
  }
  if (from.length === 0) return from
  const { kind } = typeOf(keys.at(0))
  if (comparable.every(([, type]) => type.kind !== kind)) throw new EvaluationError('list elements must be comparable')
  const places = Array.from({ length: from.length }, (_, index) => index)
  if (places.some((place) => typeOf(keys.at(place)).kind !== kind)) {
    throw new EvaluationError('list elements must have the same type')
  }
  places.sort((a, b) => compare(keys.at(a), keys.at(b)))
  return new List(places.map((place) => from.at(place)))
}

const outputCost: Pick<CallCost, 'cost'> = { cost: (_, result) => allocationCost(1, costSize(result)) }

/** Every element is compared with every other; texts are walked over for it. */
function comparingCost(index: number, text: boolean): CallCost {
  return {
    cost(parameters) {
      const keys = parameters[index] as ListValue
      const first = keys.length === 0 ? undefined : keys.at(0)
      const walked = typeof first === 'string' || first instanceof Uint8Array
      return allocationCost(walked ? 2.1 : 2, keys.length * keys.length)
    },
    estimate(parameters) {
      const { size } = parameters[index]!
      const squared = { min: size.min * size.min, max: Math.min(size.max * size.max, unbounded) }
      return allocationEstimate(text ? 2.1 : 2, squared)
    },
  }
}

const sizedSlice: CallCost = {
  ...outputCost,
  estimate([from, start, end]) {
    const size = Math.max(literalNumber(end!, from!.size.max) - literalNumber(start!, 0), 0)
    return allocationEstimate(1, { min: size, max: size })
  },
}

const flattenCost: CallCost = {
  cost: ([from, depth]) => allocationCost(depth === undefined ? 1 : Number(depth as Int), costSize(from!)),
  estimate: ([from, depth]) => allocationEstimate(depth === undefined ? 1 : literalNumber(depth), from!.size),
}

export const listsLibrary: Library = {
  name: 'lists',
  macros: [
    {
      name: 'sortBy',
      arity: 2,
      member: true,
      expand(context, offset, target, [argument, key]) {
        const variable = variableName(context, argument!, 'argument is not an identifier')
        if (variable === undefined) return make.literal(offset, null)
        const input = (): ReturnType<typeof make.identifier> => make.identifier(offset, inputName)
        const fold = folds.list(offset, key!)
        const keys = make.comprehension(offset, { range: input(), variable, accumulator: accumulatorName, ...fold })
        return make.comprehension(offset, {
          range: make.list(offset, []),
          variable: unusedName,
          accumulator: inputName,
          initial: target!,
          condition: make.literal(offset, false),
          step: input(),
          result: make.memberCall(offset, input(), '@sortByAssociatedKeys', keys),
        })
      },
    },
  ],
  functions: [
    declare('slice', member('list_slice', [list, intType, intType], list, slice, sizedSlice)),
    declare(
      'flatten',
      member('list_flatten', [listType(list)], list, flatten, flattenCost),
      member('list_flatten_int', [listType(dynType), intType], listType(dynType), flatten, flattenCost),
    ),
    declare(
      'sort',
      ...comparable.map(([name, type]) =>
        member(
          `list_${name}_sort`,
          [listType(type)],
          listType(type),
          (from: ListValue) => sortByKeys(from, from),
          comparingCost(0, type === stringType || type === bytesType),
        ),
      ),
    ),
    declare(
      '@sortByAssociatedKeys',
      ...comparable.map(([name, type]) =>
        member(
          `list_${name}_sortByAssociatedKeys`,
          [list, listType(type)],
          list,
          sortByKeys,
          comparingCost(1, type === stringType || type === bytesType),
        ),
      ),
    ),
    declare(
      'lists.range',
      plain('lists_range', [intType], listType(intType), range, {
        ...outputCost,
        estimate([count]) {
          const size = literalNumber(count!)
          return allocationEstimate(1, { min: size, max: size })
        },
      }),
    ),
    declare(
      'reverse',
      member('list_reverse', [list], list, (from: ListValue) => new List([...from].toReversed()), {
        ...outputCost,
        estimate: ([from]) => allocationEstimate(1, from!.size),
      }),
    ),
    declare('distinct', member('list_distinct', [list], list, distinct, comparingCost(0, false))),
  ],
}

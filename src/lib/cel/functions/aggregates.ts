/** What a list comes to: its sum, least and greatest, whether it is sorted, and where something is in it. */
import { declare, member, type FunctionDeclaration, type Library } from '../declarations.ts'
import { arithmetic } from '../integers.ts'
import { compare } from '../operatorFunctions.ts'
import { durationOf } from '../time.ts'
import {
  boolType,
  bytesType,
  doubleType,
  durationType,
  intType,
  listType,
  parameterType,
  stringType,
  timestampType,
  uintType,
  type Type,
} from '../types.ts'
import { Double, Duration, equals, EvaluationError, type ListValue, Uint, type Value } from '../values.ts'
import { elementsCost } from './traversal.ts'

const element = parameterType('A')

const summable: readonly (readonly [string, Type, Value])[] = [
  ['int', intType, 0],
  ['uint', uintType, new Uint(0n)],
  ['double', doubleType, new Double(0)],
  ['duration', durationType, new Duration(0n)],
]

const comparable: readonly (readonly [string, Type])[] = [
  ['int', intType],
  ['uint', uintType],
  ['double', doubleType],
  ['bool', boolType],
  ['duration', durationType],
  ['timestamp', timestampType],
  ['string', stringType],
  ['bytes', bytesType],
]

function isSorted(list: ListValue): boolean {
  for (let index = 1; index < list.length; index++) {
    if (compare(list.at(index - 1), list.at(index)) > 0) return false
  }
  return true
}

const add = (a: Value, b: Value): Value =>
  a instanceof Duration && b instanceof Duration ? durationOf(a.nanos + b.nanos) : arithmetic.add(a, b)

function outermost(name: 'min' | 'max', better: (order: number) => boolean): FunctionDeclaration {
  const pick = (list: ListValue): Value => {
    if (list.length === 0) throw new EvaluationError(`${name} called on empty list`)
    return [...list].reduce((best, each) => (better(compare(each, best)) ? each : best))
  }
  return declare(
    name,
    ...comparable.map(([id, type]) => member(`list_${id}_${name}_${id}`, [listType(type)], type, pick, elementsCost)),
  )
}

export const aggregatesLibrary: Library = {
  name: 'aggregates',
  functions: [
    declare(
      'isSorted',
      ...comparable.map(([id, type]) =>
        member(`list_${id}_is_sorted_bool`, [listType(type)], boolType, isSorted, elementsCost),
      ),
    ),
    declare(
      'sum',
      ...summable.map(([id, type, zero]) =>
        member(
          `list_${id}_sum_${id}`,
          [listType(type)],
          type,
          (list: ListValue) => [...list].reduce(add, zero),
          elementsCost,
        ),
      ),
    ),
    outermost('min', (order) => order < 0),
    outermost('max', (order) => order > 0),
    declare(
      'indexOf',
      member(
        'list_a_index_of_int',
        [listType(element), element],
        intType,
        (list: ListValue, wanted: Value) => [...list].findIndex((each) => equals(each, wanted)),
        elementsCost,
      ),
    ),
    declare(
      'lastIndexOf',
      member(
        'list_a_last_index_of_int',
        [listType(element), element],
        intType,
        (list: ListValue, wanted: Value) => [...list].findLastIndex((each) => equals(each, wanted)),
        elementsCost,
      ),
    ),
  ],
}

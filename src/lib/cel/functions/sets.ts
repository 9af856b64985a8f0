/** Lists as sets. */
import { costs, exactly, ranges } from '../cost.ts'
import { declare, plain, type Library } from '../declarations.ts'
import type { CallCost } from '../estimates.ts'
import { isIn } from '../operatorFunctions.ts'
import { boolType, listType, parameterType } from '../types.ts'
import type { ListValue } from '../values.ts'

const list = listType(parameterType('T'))

/** Each element of one list may be compared with each of the other. */
const comparingCost = (factor: number): CallCost => ({
  cost: ([a, b]) => 1 + Math.floor((a as ListValue).length * (b as ListValue).length * factor),
  estimate: ([a, b]) => ({
    cost: ranges.add(ranges.scale(ranges.multiply(a!.size, b!.size), factor), exactly(costs.select)),
  }),
})

const contains = (a: ListValue, b: ListValue): boolean => [...b].every((each) => isIn(each, a))

export const setsLibrary: Library = {
  name: 'sets',
  functions: [
    declare('sets.contains', plain('list_sets_contains_list', [list, list], boolType, contains, comparingCost(1))),
    declare(
      'sets.equivalent',
      plain(
        'list_sets_equivalent_list',
        [list, list],
        boolType,
        (a: ListValue, b: ListValue) => contains(a, b) && contains(b, a),
        comparingCost(2),
      ),
    ),
    declare(
      'sets.intersects',
      plain(
        'list_sets_intersects_list',
        [list, list],
        boolType,
        (a: ListValue, b: ListValue) => [...b].some((each) => isIn(each, a)),
        comparingCost(1),
      ),
    ),
  ],
}

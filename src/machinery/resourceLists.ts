// Arithmetic on lists of amounts by resource name, exact and for every resource.
import type { ResourceList } from '#api/core/v1/container.ts'
import { addQuantities, compareQuantities, subtractQuantities } from './quantity.ts'

/** The sum of two lists; what is only in one is taken over. */
export function addResourceLists(one: ResourceList, other: ResourceList): ResourceList {
  return combine(one, other, addQuantities)
}

/** The larger of each resource. */
export function maximumResourceList(one: ResourceList, other: ResourceList): ResourceList {
  return combine(one, other, (a, b) => (compareQuantities(a, b) >= 0 ? a : b))
}

function combine(one: ResourceList, other: ResourceList, merge: (a: string, b: string) => string): ResourceList {
  const result: ResourceList = { ...one }
  for (const [name, amount] of Object.entries(other)) {
    result[name] = Object.hasOwn(result, name) ? merge(result[name]!, amount) : amount
  }
  return result
}

/** How much more the first list is; what is less counts as nothing. Amounts of zero are left out. */
export function increaseOf(after: ResourceList, before: ResourceList): ResourceList {
  const increase: ResourceList = {}
  for (const [name, amount] of Object.entries(after)) {
    const difference = Object.hasOwn(before, name) ? subtractQuantities(amount, before[name]!) : amount
    if (compareQuantities(difference, '0') > 0) increase[name] = difference
  }
  return increase
}

/** The entries of these names. */
export function pickResources(list: ResourceList, names: Iterable<string>): ResourceList {
  const picked: ResourceList = {}
  for (const name of names) if (Object.hasOwn(list, name)) picked[name] = list[name]!
  return picked
}

/** Whether two lists hold the same amounts, however they are written. */
export function sameAmounts(one: ResourceList, other: ResourceList): boolean {
  const names = Object.keys(one)
  return (
    names.length === Object.keys(other).length &&
    names.every((name) => Object.hasOwn(other, name) && compareQuantities(one[name]!, other[name]!) === 0)
  )
}

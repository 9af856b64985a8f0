/** What it costs to walk over all of a value, as Kubernetes counts it for functions over whole lists. */
import { costs, exactly, ranges } from '../cost.ts'
import type { CallCost } from '../estimates.ts'
import { encodeText } from '../text.ts'
import { ListValue, MapValue, type Value } from '../values.ts'

export function valueTraversal(value: Value): number {
  if (typeof value === 'string') return Math.floor(encodeText(value).length * costs.traversal)
  if (value instanceof Uint8Array) return Math.floor(value.length * costs.traversal)
  let cost = 0
  if (value instanceof ListValue) for (const each of value) cost += valueTraversal(each)
  else if (value instanceof MapValue) {
    for (const key of value.keys()) cost += valueTraversal(key) + valueTraversal(value.get(key)!)
  } else return 1
  return cost
}

/** Each element of the receiving list is looked at once. */
export const elementsCost: CallCost = {
  cost: ([list]) => valueTraversal(list!),
  estimate([list]) {
    const element = list!.elements()
    const { kind } = element.type
    const walked = kind === 'string' || kind === 'bytes' ? ranges.scale(element.size, costs.traversal) : exactly(0)
    return { cost: ranges.multiply(list!.size, ranges.add(exactly(1), walked)) }
  },
}

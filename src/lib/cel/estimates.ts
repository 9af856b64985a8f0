/** Costs that many functions have in common, at run time and as estimates. */
import { costs, exactly, ranges, unbounded, type CallEstimate, type CostNode } from './cost.ts'
import { programCost } from './regex.ts'
import { isOptional } from './types.ts'
import { costSize, OpaqueValue, Optional, type Value } from './values.ts'

export interface CallCost {
  readonly cost: (parameters: readonly Value[], result: Value) => number
  readonly estimate: (parameters: readonly CostNode[]) => CallEstimate | undefined
}

const walked = (size: number, factor = 1): number => Math.ceil(size * factor * costs.traversal)

/** Texts of so many units cost 1 to walk over, whatever characters they are, unless they are empty. */
const shortText = 10

function walkedValue(value: Value, factor = 1): number {
  if (typeof value === 'string' && value.length <= shortText && factor === 1) return value === '' ? 0 : 1
  return walked(costSize(value), factor)
}

/** What it costs to compare two texts: the walk over the shorter one. */
export function textComparisonCost(a: string, b: string): number {
  if (a.length <= shortText || b.length <= shortText) return a === '' || b === '' ? 0 : 1
  return walked(Math.min(costSize(a), costSize(b)))
}

/** Always the same. */
export const fixedCost = (cost: number): CallCost => ({ cost: () => cost, estimate: () => ({ cost: exactly(cost) }) })

/** The text or bytes at a position are walked over. */
export const traversalCost = (index: number, factor = 1): CallCost => ({
  cost: (parameters) => walkedValue(parameters[index]!, factor),
  estimate: (parameters) => ({ cost: ranges.scale(parameters[index]!.size, factor * costs.traversal) }),
})

/** The receiver is walked over, and the result is as large as it. */
export const transformCost: CallCost = {
  cost: ([text]) => walked(costSize(text!)),
  estimate: ([text]) => ({ cost: ranges.scale(text!.size, costs.traversal), size: text!.size }),
}

/** One for each element of the list at a position. */
export const listCost = (index: number): CallCost => ({
  cost: (parameters) => costSize(parameters[index]!),
  estimate: (parameters) => ({ cost: parameters[index]!.size }),
})

/** Two values are compared as far as the shorter goes. */
export const comparisonCost: CallCost = {
  cost: ([a, b]) => walked(Math.min(costSize(a!), costSize(b!))),
  estimate([a, b]) {
    const max = Math.min(a!.size.max, b!.size.max)
    return { cost: ranges.scale({ min: max > 0 ? 1 : 0, max }, costs.traversal) }
  },
}

/** As a comparison; values that only functions can look into are equal or not at once. */
export const equalityCost: CallCost = {
  cost: (values) =>
    values[0] instanceof OpaqueValue && !(values[0] instanceof Optional)
      ? 1
      : walked(Math.min(costSize(values[0]!), costSize(values[1]!))),
  estimate: (parameters) =>
    parameters[0]!.type.kind === 'opaque' && !isOptional(parameters[0]!.type)
      ? { cost: exactly(1) }
      : comparisonCost.estimate(parameters),
}

/** Two texts or byte sequences are copied after each other. */
export const concatenationCost: CallCost = {
  cost: ([a, b]) => walked(costSize(a!) + costSize(b!)),
  estimate([a, b]) {
    const size = ranges.add(a!.size, b!.size)
    return { cost: ranges.scale(size, costs.traversal), size }
  },
}

/** Two lists are joined, which costs nothing for their lengths. */
export const listConcatenationCost: CallCost = {
  cost: () => 1,
  estimate: ([a, b]) => ({ cost: exactly(1), size: ranges.add(a!.size, b!.size) }),
}

/** A text is searched for another. */
export const searchCost: CallCost = {
  cost: ([text, part]) => walked(costSize(text!)) * walked(costSize(part!)),
  estimate: ([text, part]) => ({
    cost: ranges.multiply(ranges.scale(text!.size, costs.traversal), ranges.scale(part!.size, costs.traversal)),
  }),
}

/** A regular expression is run over a text. One is added to the text, so that an empty one is not free. */
export const regexCost = (listed: boolean): CallCost => ({
  cost: ([text, pattern]) =>
    Math.max(
      walked(costSize(text!) + 1) * Math.ceil(costSize(pattern!) * costs.regex),
      programCost(text as string, pattern as string),
    ),
  estimate: ([text, pattern]) => ({
    cost: ranges.multiply(
      ranges.scale(ranges.add(text!.size, exactly(1)), costs.traversal),
      ranges.scale(pattern!.size, costs.regex),
    ),
    ...(listed ? { size: { min: 0, max: text!.size.max } } : {}),
  }),
})

/** A list as large as the given size is made, for which `factor` is paid for each element. */
export function allocationEstimate(factor: number, size: { readonly min: number; readonly max: number }): CallEstimate {
  return { cost: ranges.add(ranges.scale(size, factor), exactly(1 + costs.list)), size }
}

export const allocationCost = (factor: number, size: number): number => Math.floor(size * factor) + 1 + costs.list

/** The number that a part of an expression is literally, or what stands for any other. */
export function literalNumber({ expression }: CostNode, otherwise = unbounded): number {
  if (expression.kind !== 'literal') return otherwise
  const { value } = expression
  if (typeof value !== 'number') return otherwise
  return value < 0 ? unbounded : value
}

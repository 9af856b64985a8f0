/**
 * What an expression can cost at most and at least, from its tree and the greatest sizes of its inputs, before it ever
 * runs. The units are those of cel-go: 1 for reading a name or a field, 0.1 for each character of a string walked over.
 */
import { isBinding, operators, type Call, type Comprehension, type Expression } from './ast.ts'
import type { CheckedExpression } from './checker.ts'
import type { Overload } from './declarations.ts'
import { codePointLength } from './text.ts'
import { dynType, isOptional, type Type } from './types.ts'

/** From least to most: of costs, or of sizes as `size()` counts them. Bounds above 2^64 are 2^64. */
export interface Range {
  readonly min: number
  readonly max: number
}

export interface CallEstimate {
  readonly cost: Range
  /** How large the result is, when it has a size. */
  readonly size?: Range
}

/** The largest bound: nothing is known above. */
export const unbounded = 2 ** 64

export const unknownRange: Range = { min: 0, max: unbounded }
export const exactly = (value: number): Range => ({ min: value, max: value })

/** Costs of the basic steps. */
export const costs = {
  select: 1,
  list: 10,
  map: 30,
  struct: 40,
  /** For each character of a string that is walked over. */
  traversal: 0.1,
  /** For each character of a regular expression. */
  regex: 0.25,
} as const

const clamp = (value: number): number => (value < unbounded ? value : unbounded)

/** Arithmetic on ranges that stays within the bounds. */
export const ranges = {
  add: (a: Range, b: Range): Range => ({ min: clamp(a.min + b.min), max: clamp(a.max + b.max) }),
  multiply: (a: Range, b: Range): Range => ({ min: clamp(a.min * b.min), max: clamp(a.max * b.max) }),
  /** Each bound times a factor, rounded up. */
  scale: (a: Range, factor: number): Range => ({
    min: clamp(Math.ceil(a.min * factor)),
    max: clamp(Math.ceil(a.max * factor)),
  }),
  union: (a: Range, b: Range): Range => ({ min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) }),
}

/** A part of an expression, as estimates of calls see it. */
export interface CostNode {
  readonly expression: Expression
  readonly type: Type
  readonly size: Range
  /** The part that stands for each element of a list or value of a map. */
  elements(): CostNode
  /** The part that stands for each key of a map. */
  keys(): CostNode
}

/** How large what a path leads to may be. The path begins with a variable; then fields, `@items`, `@keys`, `@values`. */
export type SizeOf = (path: readonly string[], type: Type) => Range | undefined

/** The bounds of the cost of an expression. */
export function estimateCost(checked: CheckedExpression, sizeOf: SizeOf): Range {
  return new Estimator(checked, sizeOf).cost(checked.expression)
}

interface EntrySize {
  readonly kind: 'list' | 'map'
  readonly key: Range
  readonly value: Range
}

interface Local {
  readonly name: string
  readonly path: readonly string[] | undefined
  readonly size: Range | undefined
  readonly entry: EntrySize | undefined
  readonly outer: Local | undefined
}

class Estimator {
  readonly #checked: CheckedExpression
  readonly #sizeOf: SizeOf
  readonly #paths = new Map<Expression, readonly string[] | undefined>()
  readonly #sizes = new Map<Expression, Range>()
  readonly #entries = new Map<Expression, EntrySize>()
  #locals: Local | undefined

  constructor(checked: CheckedExpression, sizeOf: SizeOf) {
    this.#checked = checked
    this.#sizeOf = sizeOf
  }

  cost(expression: Expression): Range {
    switch (expression.kind) {
      case 'literal':
        return exactly(0)
      case 'identifier': {
        const local = this.#local(expression.name)
        this.#paths.set(expression, local === undefined ? [expression.name] : local.path)
        return exactly(costs.select)
      }
      case 'select':
        return this.#select(expression)
      case 'call':
        return this.#call(expression)
      case 'list': {
        let sum = exactly(costs.list)
        let item: Range | undefined
        for (const element of expression.elements) {
          sum = ranges.add(sum, this.cost(element))
          item = join(item, this.#sizeOrUnknown(element))
        }
        this.#entries.set(expression, { kind: 'list', key: exactly(1), value: item ?? exactly(0) })
        return sum
      }
      case 'map': {
        let sum = exactly(costs.map)
        let keys: Range | undefined
        let values: Range | undefined
        for (const { key, value } of expression.entries) {
          sum = ranges.add(ranges.add(sum, this.cost(key)), this.cost(value))
          keys = join(keys, this.#sizeOrUnknown(key))
          values = join(values, this.#sizeOrUnknown(value))
        }
        this.#entries.set(expression, { kind: 'map', key: keys ?? exactly(0), value: values ?? exactly(0) })
        return sum
      }
      case 'struct':
        return expression.fields.reduce((sum, { value }) => ranges.add(sum, this.cost(value)), exactly(costs.struct))
      case 'comprehension':
        return isBinding(expression) ? this.#binding(expression) : this.#fold(expression)
    }
  }

  #select(select: Expression & { kind: 'select' }): Range {
    const reference = this.#checked.references.get(select)
    if (reference !== undefined && 'variable' in reference) {
      this.#paths.set(select, [reference.variable])
      return exactly(costs.select)
    }
    const operand = this.cost(select.operand)
    if (select.testOnly) return operand
    const path = this.#path(select.operand)
    this.#paths.set(select, path === undefined ? undefined : [...path, select.field])
    const { kind } = this.#type(select.operand)
    return kind === 'map' || kind === 'struct' || kind === 'param'
      ? ranges.add(operand, exactly(costs.select))
      : operand
  }

  #call(call: Call): Range {
    const reference = this.#checked.references.get(call)
    if (call.name === 'dyn' && call.parameters.length === 1) {
      const [argument] = call.parameters
      const cost = this.cost(argument!)
      this.#copySizes(call, argument!)
      return ranges.add(cost, exactly(1))
    }
    const own = call.parameters.map((each) => this.cost(each))
    if (reference === undefined || !('overloads' in reference)) return exactly(0)
    const received = call.target !== undefined && !reference.plain ? [call.target] : []
    let sum = received.length === 0 ? exactly(0) : this.cost(received[0]!)
    const nodes = [...received, ...call.parameters].map((each) => this.#node(each))
    let cost: Range | undefined
    let size: Range | undefined
    for (const overload of reference.overloads) {
      const estimate = this.#overload(call, overload, nodes, own)
      cost = join(cost, estimate.cost)
      if (estimate.size !== undefined) size = join(size, estimate.size)
      const suffix = indexPath[overload.id]
      if (suffix !== undefined) {
        size = this.#entry(call.parameters[0]!)?.value
        const path = this.#path(call.parameters[0]!)
        this.#paths.set(call, path === undefined ? undefined : [...path, suffix])
      }
      size ??= this.#size(call)
    }
    if (size !== undefined) this.#sizes.set(call, size)
    return cost === undefined ? sum : (sum = ranges.add(sum, cost))
  }

  #overload(call: Call, overload: Overload, nodes: readonly CostNode[], own: readonly Range[]): CallEstimate {
    const total = own.reduce(ranges.add, exactly(0))
    switch (call.name) {
      case operators.and:
      case operators.or:
        // The second may never be looked at.
        return { cost: { min: own[0]!.min, max: clamp(own[0]!.max + own[1]!.max) } }
      case operators.conditional: {
        const [, yes, no] = call.parameters
        this.#setEntry(call, joinEntries(this.#entry(yes!), this.#entry(no!)))
        return {
          cost: ranges.add(own[0]!, ranges.union(own[1]!, own[2]!)),
          size: ranges.union(nodes[1]!.size, nodes[2]!.size),
        }
      }
      case operators.add:
        if (overload.estimate !== undefined) {
          this.#setEntry(call, joinEntries(this.#entry(call.parameters[0]!), this.#entry(call.parameters[1]!)))
        }
        break
      default:
    }
    const estimate = overload.estimate?.(nodes)
    if (estimate === undefined) return { cost: ranges.add(exactly(1), total) }
    return { ...estimate, cost: ranges.add(estimate.cost, total) }
  }

  #binding({ range, accumulator, initial, result }: Comprehension): Range {
    const sum = ranges.add(this.cost(range), this.cost(initial))
    const outer = this.#locals
    this.#pushLocal(accumulator, initial)
    const cost = ranges.add(sum, this.cost(result))
    this.#locals = outer
    return cost
  }

  #fold(fold: Comprehension): Range {
    const { range, variable, secondVariable, accumulator, initial, condition, step, result } = fold
    let sum = ranges.add(this.cost(range), this.cost(initial))
    const outer = this.#locals
    this.#pushLocal(accumulator, initial)
    const inner = this.#locals
    this.#pushIterated(range, variable, secondVariable)
    const loop = ranges.add(this.cost(condition), this.cost(step))
    const stepEntry = this.#entry(step)
    this.#locals = inner
    sum = ranges.add(sum, this.cost(result))
    this.#locals = outer
    const count = this.#sizeOrUnknown(range)
    sum = ranges.add(sum, ranges.multiply(count, loop))
    if (initial.kind === 'literal') this.#sizes.set(fold, this.#sizeOrUnknown(initial))
    else if (initial.kind === 'list' || initial.kind === 'map') {
      this.#sizes.set(fold, count)
      this.#setEntry(fold, stepEntry)
    }
    return sum
  }

  #pushLocal(name: string, bound: Expression): void {
    const path = this.#path(bound)
    this.#locals = { name, path, size: this.#size(bound), entry: this.#entry(bound), outer: this.#locals }
  }

  #pushIterated(range: Expression, variable: string, secondVariable: string | undefined): void {
    const entry = this.#entry(range)
    const isList = (entry?.kind ?? this.#type(range).kind) === 'list'
    const path = this.#path(range)
    const push = (name: string, suffix: string, size: Range | undefined): void => {
      const full = path === undefined ? undefined : [...path, suffix]
      this.#locals = { name, path: full, size, entry: undefined, outer: this.#locals }
    }
    if (secondVariable !== undefined) {
      push(variable, isList ? '@indices' : '@keys', entry?.key)
      push(secondVariable, isList ? '@items' : '@values', entry?.value)
    } else if (isList) push(variable, '@items', entry?.value)
    else push(variable, '@keys', entry?.key)
  }

  #local(name: string): Local | undefined {
    for (let local = this.#locals; local !== undefined; local = local.outer) if (local.name === name) return local
    return undefined
  }

  #type(expression: Expression): Type {
    return this.#checked.types.get(expression) ?? dynType
  }

  #path(expression: Expression): readonly string[] | undefined {
    if (expression.kind === 'identifier') {
      const local = this.#local(expression.name)
      if (local !== undefined) return local.path
    }
    return this.#paths.get(expression)
  }

  #node(expression: Expression): CostNode {
    const type = this.#type(expression)
    return this.#nodeAt(
      expression,
      type,
      this.#path(expression),
      this.#sizeOrUnknown(expression),
      this.#entry(expression),
    )
  }

  #nodeAt(
    expression: Expression,
    type: Type,
    path: readonly string[] | undefined,
    size: Range,
    entry?: EntrySize,
  ): CostNode {
    const part = (suffix: string, partType: Type, known: Range | undefined): CostNode => {
      const full = path === undefined ? undefined : [...path, suffix]
      const found = known ?? scalarSize(partType) ?? (full === undefined ? undefined : this.#sizeOf(full, partType))
      return this.#nodeAt(expression, partType, full, found ?? unknownRange)
    }
    const [first = dynType, second = dynType] = type.parameters
    return {
      expression,
      type,
      size,
      elements: () =>
        type.kind === 'map' ? part('@values', second, entry?.value) : part('@items', first, entry?.value),
      keys: () => part('@keys', first, entry?.key),
    }
  }

  #sizeOrUnknown(expression: Expression): Range {
    return this.#size(expression) ?? unknownRange
  }

  #size(expression: Expression): Range | undefined {
    const known = this.#sizes.get(expression) ?? literalSize(expression)
    if (known !== undefined) return known
    const path = this.#path(expression)
    const type = this.#type(expression)
    const declared = path === undefined ? undefined : this.#sizeOf(path, type)
    if (declared !== undefined) return declared
    return scalarSize(type) ?? (expression.kind === 'identifier' ? this.#local(expression.name)?.size : undefined)
  }

  #entry(expression: Expression): EntrySize | undefined {
    const known = this.#entries.get(expression)
    if (known !== undefined || expression.kind !== 'identifier') return known
    return this.#local(expression.name)?.entry
  }

  #setEntry(expression: Expression, entry: EntrySize | undefined): void {
    if (entry !== undefined) this.#entries.set(expression, entry)
  }

  #copySizes(to: Expression, from: Expression): void {
    const size = this.#size(from)
    if (size !== undefined) this.#sizes.set(to, size)
    this.#setEntry(to, this.#entry(from))
  }
}

const indexPath: Readonly<Record<string, string>> = { index_list: '@items', index_map: '@values' }

const join = (a: Range | undefined, b: Range): Range => (a === undefined ? b : ranges.union(a, b))

function joinEntries(a: EntrySize | undefined, b: EntrySize | undefined): EntrySize | undefined {
  if (a === undefined || b === undefined) return undefined
  return { kind: a.kind, key: ranges.union(a.key, b.key), value: ranges.union(a.value, b.value) }
}

function literalSize(expression: Expression): Range | undefined {
  if (expression.kind === 'list') return exactly(expression.elements.length)
  if (expression.kind === 'map') return exactly(expression.entries.length)
  if (expression.kind !== 'literal') return undefined
  const { value } = expression
  if (typeof value === 'string') return exactly(codePointLength(value))
  return exactly(value instanceof Uint8Array ? value.length : 1)
}

const scalars = new Set(['bool', 'double', 'duration', 'int', 'timestamp', 'uint'])

function scalarSize(type: Type): Range | undefined {
  if (isOptional(type)) return scalarSize(type.parameters[0]!)
  return scalars.has(type.kind) ? exactly(1) : undefined
}

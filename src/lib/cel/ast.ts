/** Expressions as trees. Macros are already expanded in them, so that nothing after the parser knows of macros. */
import type { Value } from './values.ts'

export type Expression = Literal | Identifier | Select | Call | ListLiteral | MapLiteral | StructLiteral | Comprehension

interface Node {
  /** Where messages about it point, in UTF-16 units of the source. */
  readonly offset: number
  /** How many levels of nodes it has, and how many nodes: bounded by the parser, so that recursion over it is safe. */
  readonly depth: number
  readonly size: number
}

export interface Literal extends Node {
  readonly kind: 'literal'
  readonly value: Value
}

export interface Identifier extends Node {
  readonly kind: 'identifier'
  /** With a leading dot when it was written absolute. */
  readonly name: string
}

/** `operand.field`, or `has(operand.field)`. */
export interface Select extends Node {
  readonly kind: 'select'
  readonly operand: Expression
  readonly field: string
  readonly testOnly: boolean
}

/** Operators are calls too, under the names in {@link operators}. */
export interface Call extends Node {
  readonly kind: 'call'
  readonly name: string
  readonly target?: Expression
  readonly parameters: readonly Expression[]
}

export interface ListLiteral extends Node {
  readonly kind: 'list'
  readonly elements: readonly Expression[]
  /** Which elements were written with `?`. */
  readonly optional: ReadonlySet<number>
}

export interface MapEntry {
  readonly key: Expression
  readonly value: Expression
  /** Whether it was written with `?`. */
  readonly optional: boolean
  readonly offset: number
}

export interface MapLiteral extends Node {
  readonly kind: 'map'
  readonly entries: readonly MapEntry[]
}

export interface StructField {
  readonly name: string
  readonly value: Expression
  readonly optional: boolean
  readonly offset: number
}

export interface StructLiteral extends Node {
  readonly kind: 'struct'
  readonly typeName: string
  readonly fields: readonly StructField[]
}

/** A fold over a list or a map: what all macros that repeat or bind something become. */
export interface Comprehension extends Node {
  readonly kind: 'comprehension'
  readonly range: Expression
  readonly variable: string
  /** The second variable of those that see index and element, or key and value. */
  readonly secondVariable?: string
  readonly accumulator: string
  readonly initial: Expression
  readonly condition: Expression
  readonly step: Expression
  readonly result: Expression
}

/** The function names behind operators. */
export const operators = {
  conditional: '_?_:_',
  or: '_||_',
  and: '_&&_',
  not: '!_',
  negate: '-_',
  equals: '_==_',
  notEquals: '_!=_',
  less: '_<_',
  lessOrEqual: '_<=_',
  greater: '_>_',
  greaterOrEqual: '_>=_',
  in: '@in',
  add: '_+_',
  subtract: '_-_',
  multiply: '_*_',
  divide: '_/_',
  modulo: '_%_',
  index: '_[_]',
  optionalIndex: '_[?_]',
  optionalSelect: '_?._',
  notStrictlyFalse: '@not_strictly_false',
} as const

/** The accumulator of macros; no identifier in a source text can name it. */
export const accumulatorName = '@result'
/** The variable of comprehensions that bind a value and repeat nothing. */
export const unusedName = '#unused'

/** A comprehension that only gives a value a name, as `cel.bind` does. */
export function isBinding({ range, condition, accumulator }: Comprehension): boolean {
  return (
    range.kind === 'list' &&
    range.elements.length === 0 &&
    condition.kind === 'literal' &&
    condition.value === false &&
    accumulator !== accumulatorName
  )
}

/** `a.b.c` as one name, when the expression is nothing but that. */
export function qualifiedName(expression: Expression): string | undefined {
  if (expression.kind === 'identifier') return expression.name
  if (expression.kind !== 'select' || expression.testOnly) return undefined
  const prefix = qualifiedName(expression.operand)
  return prefix === undefined ? undefined : `${prefix}.${expression.field}`
}

/** The makers of nodes. `offset` comes first in each. */
export const make = {
  literal: (offset: number, value: Value): Literal => ({ kind: 'literal', offset, depth: 1, size: 1, value }),
  identifier: (offset: number, name: string): Identifier => ({ kind: 'identifier', offset, depth: 1, size: 1, name }),
  select: (offset: number, operand: Expression, field: string, testOnly = false): Select => ({
    kind: 'select',
    offset,
    depth: operand.depth + 1,
    size: operand.size + 1,
    operand,
    field,
    testOnly,
  }),
  call: (offset: number, name: string, ...parameters: readonly Expression[]): Call => ({
    kind: 'call',
    offset,
    ...measure(parameters),
    name,
    parameters,
  }),
  memberCall: (offset: number, target: Expression, name: string, ...parameters: readonly Expression[]): Call => ({
    kind: 'call',
    offset,
    ...measure([target, ...parameters]),
    name,
    target,
    parameters,
  }),
  list: (
    offset: number,
    elements: readonly Expression[],
    optional: ReadonlySet<number> = noneOptional,
  ): ListLiteral => ({ kind: 'list', offset, ...measure(elements), elements, optional }),
  map: (offset: number, entries: readonly MapEntry[]): MapLiteral => ({
    kind: 'map',
    offset,
    ...measure(entries.flatMap(({ key, value }) => [key, value])),
    entries,
  }),
  struct: (offset: number, typeName: string, fields: readonly StructField[]): StructLiteral => ({
    kind: 'struct',
    offset,
    ...measure(fields.map(({ value }) => value)),
    typeName,
    fields,
  }),
  comprehension: (offset: number, parts: Omit<Comprehension, keyof Node | 'kind'>): Comprehension => ({
    kind: 'comprehension',
    offset,
    ...measure([parts.range, parts.initial, parts.condition, parts.step, parts.result]),
    ...parts,
  }),
}

const noneOptional: ReadonlySet<number> = new Set()

function measure(children: readonly Expression[]): { readonly depth: number; readonly size: number } {
  let depth = 0
  let size = 1
  for (const child of children) {
    if (child.depth > depth) depth = child.depth
    size += child.size
  }
  return { depth: depth + 1, size }
}

/** A copy whose nodes are all new, for macros that use an argument twice. */
export function copyExpression<E extends Expression>(expression: E): E
export function copyExpression(expression: Expression): Expression {
  switch (expression.kind) {
    case 'literal':
    case 'identifier':
      return { ...expression }
    case 'select':
      return { ...expression, operand: copyExpression(expression.operand) }
    case 'call':
      return {
        ...expression,
        ...(expression.target === undefined ? {} : { target: copyExpression(expression.target) }),
        parameters: expression.parameters.map((each) => copyExpression(each)),
      }
    case 'list':
      return { ...expression, elements: expression.elements.map((each) => copyExpression(each)) }
    case 'map':
      return {
        ...expression,
        entries: expression.entries.map((each) => ({
          ...each,
          key: copyExpression(each.key),
          value: copyExpression(each.value),
        })),
      }
    case 'struct':
      return {
        ...expression,
        fields: expression.fields.map((each) => ({ ...each, value: copyExpression(each.value) })),
      }
    case 'comprehension':
      return {
        ...expression,
        range: copyExpression(expression.range),
        initial: copyExpression(expression.initial),
        condition: copyExpression(expression.condition),
        step: copyExpression(expression.step),
        result: copyExpression(expression.result),
      }
  }
}

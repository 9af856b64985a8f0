/** Macros: calls that the parser replaces, because what they mean cannot be said by a function of values. */
import { accumulatorName, make, operators, type Comprehension, type Expression } from './ast.ts'

/** What a macro may ask of the parser. */
export interface MacroContext {
  /** Notes what is wrong and gives a stand-in to go on with. */
  problem(offset: number, message: string): Expression
}

export interface Macro {
  readonly name: string
  /** How many arguments it takes, without its receiver. */
  readonly arity: number | '*'
  readonly member: boolean
  /** The expression to put in its place; nothing to leave the call as it is. */
  expand(
    context: MacroContext,
    offset: number,
    target: Expression | undefined,
    parameters: readonly Expression[],
  ): Expression | undefined
}

export const macroKey = ({ name, arity, member }: Macro): string => `${name}:${arity}:${member}`

export const accumulator = (offset: number): Expression => make.identifier(offset, accumulatorName)

/** How a fold goes, apart from what it folds over. */
export type Fold = Pick<Comprehension, 'initial' | 'condition' | 'step' | 'result'>

const isTrue = (offset: number): Expression => make.literal(offset, true)

/** The folds that the macros with one and with two variables share. */
export const folds = {
  all: (offset: number, predicate: Expression): Fold => ({
    initial: make.literal(offset, true),
    condition: make.call(offset, operators.notStrictlyFalse, accumulator(offset)),
    step: make.call(offset, operators.and, accumulator(offset), predicate),
    result: accumulator(offset),
  }),
  exists: (offset: number, predicate: Expression): Fold => ({
    initial: make.literal(offset, false),
    condition: make.call(offset, operators.notStrictlyFalse, make.call(offset, operators.not, accumulator(offset))),
    step: make.call(offset, operators.or, accumulator(offset), predicate),
    result: accumulator(offset),
  }),
  existsOne: (offset: number, predicate: Expression): Fold => ({
    initial: make.literal(offset, 0),
    condition: isTrue(offset),
    step: make.call(
      offset,
      operators.conditional,
      predicate,
      make.call(offset, operators.add, accumulator(offset), make.literal(offset, 1)),
      accumulator(offset),
    ),
    result: make.call(offset, operators.equals, accumulator(offset), make.literal(offset, 1)),
  }),
  /** Builds a list of what `transform` gives, for what `filter` lets through. */
  list: (offset: number, transform: Expression, filter?: Expression): Fold => ({
    initial: make.list(offset, []),
    condition: isTrue(offset),
    step: filtered(
      offset,
      make.call(offset, operators.add, accumulator(offset), make.list(offset, [transform])),
      filter,
    ),
    result: accumulator(offset),
  }),
}

/** `step` where `filter` holds, and the accumulator as it was elsewhere. */
export function filtered(offset: number, step: Expression, filter: Expression | undefined): Expression {
  return filter === undefined ? step : make.call(offset, operators.conditional, filter, step, accumulator(offset))
}

/** The name that an argument gives to a variable; nothing, with an issue, when it is no such name. */
export function variableName(context: MacroContext, argument: Expression, message: string): string | undefined {
  if (argument.kind !== 'identifier') {
    context.problem(argument.offset, message)
    return undefined
  }
  if (argument.name !== accumulatorName && argument.name !== '__result__') return argument.name
  context.problem(argument.offset, 'iteration variable overwrites accumulator variable')
  return undefined
}

function foldMacro(
  name: string,
  arity: number,
  message: string,
  fold: (offset: number, parameters: readonly Expression[]) => Fold,
): Macro {
  return {
    name,
    arity,
    member: true,
    expand(context, offset, target, parameters) {
      const variable = variableName(context, parameters[0]!, message)
      if (variable === undefined) return make.literal(offset, null)
      const parts = fold(offset, parameters)
      return make.comprehension(offset, { range: target!, variable, accumulator: accumulatorName, ...parts })
    },
  }
}

const simpleName = 'argument must be a simple name'
const notIdentifier = 'argument is not an identifier'

/** The macros that every expression may use. */
export const standardMacros: readonly Macro[] = [
  {
    name: 'has',
    arity: 1,
    member: false,
    expand(context, offset, _target, [argument]) {
      if (argument!.kind === 'select') return make.select(offset, argument!.operand, argument!.field, true)
      return context.problem(argument!.offset, 'invalid argument to has() macro')
    },
  },
  foldMacro('all', 2, simpleName, (offset, [, predicate]) => folds.all(offset, predicate!)),
  foldMacro('exists', 2, simpleName, (offset, [, predicate]) => folds.exists(offset, predicate!)),
  foldMacro('exists_one', 2, simpleName, (offset, [, predicate]) => folds.existsOne(offset, predicate!)),
  foldMacro('existsOne', 2, simpleName, (offset, [, predicate]) => folds.existsOne(offset, predicate!)),
  foldMacro('map', 2, notIdentifier, (offset, [, transform]) => folds.list(offset, transform!)),
  foldMacro('map', 3, notIdentifier, (offset, [, filter, transform]) => folds.list(offset, transform!, filter)),
  foldMacro('filter', 2, notIdentifier, (offset, [variable, filter]) => folds.list(offset, variable!, filter)),
]

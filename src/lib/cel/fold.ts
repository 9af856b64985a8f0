/**
 * Comprehensions as loops. Those of the usual macros have loops of their own, which cost what the general loop would:
 * a macro over a thousand elements does not build a thousand lists.
 */
import { accumulatorName, isBinding, operators, type Comprehension, type Expression } from './ast.ts'
import { costs } from './cost.ts'
import { absorbable, booleanOf, type Evaluate, type ExpressionCompiler, type Frame } from './frame.ts'
import { type EvaluationError, List, ListValue, MapValue, noSuchOverload, type Value } from './values.ts'

/** Puts each element of a range where the variables are, until `visit` returns false. */
type Iterate = (frame: Frame, range: Value, visit: () => boolean) => void

export function compileFold(compiler: ExpressionCompiler, fold: Comprehension): Evaluate {
  const range = compiler.compile(fold.range)
  const initial = compiler.compile(fold.initial)
  return compiler.withLocal(fold.accumulator, (accumulator) => {
    if (isBinding(fold)) return binding(initial, accumulator, compiler.compile(fold.result))
    const loop = compiler.withLocal(fold.variable, (first) => {
      if (fold.secondVariable === undefined) return compileLoop(compiler, fold, accumulator, iterateOne(first))
      return compiler.withLocal(fold.secondVariable, (second) =>
        compileLoop(compiler, fold, accumulator, iterateTwo(first, second)),
      )
    })
    const result = compiler.compile(fold.result)
    return (frame) => {
      const over = range(frame)
      frame.locals[accumulator] = initial(frame)
      loop(frame, over)
      return result(frame)
    }
  })
}

/** Gives a value a name; the empty range that stands for it costs what a list costs. */
function binding(bound: Evaluate, place: number, result: Evaluate): Evaluate {
  return (frame) => {
    frame.pay(costs.list)
    frame.locals[place] = bound(frame)
    return result(frame)
  }
}

type Loop = (frame: Frame, range: Value) => void

function compileLoop(compiler: ExpressionCompiler, fold: Comprehension, accumulator: number, iterate: Iterate): Loop {
  if (fold.accumulator === accumulatorName) {
    const { step, initial } = fold
    if (step.kind === 'call' && (step.name === operators.and || step.name === operators.or)) {
      return quantifier(compiler.compile(step.parameters[1]!), accumulator, iterate, step.name === operators.or)
    }
    const append = appended(step)
    if (append !== undefined && initial.kind === 'list') {
      const filter = append.filter === undefined ? undefined : compiler.compile(append.filter)
      return collector(compiler.compile(append.item), filter, accumulator, iterate)
    }
  }
  const condition = compiler.compile(fold.condition)
  const step = compiler.compile(fold.step)
  return (frame, range) => {
    iterate(frame, range, () => {
      if (condition(frame) !== true) return false
      frame.locals[accumulator] = step(frame)
      return true
    })
  }
}

/** `all` and `exists`: an error stands until an element decides. */
function quantifier(predicate: Evaluate, accumulator: number, iterate: Iterate, decisive: boolean): Loop {
  // The condition reads the accumulator and calls one function on it, or two; the step reads it again.
  const conditionCost = costs.select + (decisive ? 2 : 1)
  return (frame, range) => {
    let state: boolean | EvaluationError = !decisive
    iterate(frame, range, () => {
      frame.pay(conditionCost)
      if (state === decisive) return false
      frame.pay(costs.select)
      try {
        const holds = booleanOf(predicate(frame))
        if (holds === decisive) state = decisive
      } catch (error) {
        const failed = absorbable(error)
        if (typeof state === 'boolean') state = failed
      }
      return true
    })
    frame.locals[accumulator] = state
  }
}

/** `map` and `filter`: builds one list. */
function collector(item: Evaluate, filter: Evaluate | undefined, accumulator: number, iterate: Iterate): Loop {
  return (frame, range) => {
    const items: Value[] = []
    iterate(frame, range, () => {
      if (filter !== undefined && !booleanOf(filter(frame))) {
        frame.pay(costs.select)
        return true
      }
      frame.pay(costs.select)
      items.push(item(frame))
      frame.pay(costs.list + 1)
      return true
    })
    frame.locals[accumulator] = new List(items)
  }
}

/** What a step appends to the accumulator, and on which condition; nothing when it does something else. */
function appended(step: Expression): { readonly item: Expression; readonly filter?: Expression } | undefined {
  if (step.kind !== 'call') return undefined
  if (step.name === operators.conditional) {
    const [filter, yes, no] = step.parameters
    const inner = appended(yes!)
    return inner !== undefined && inner.filter === undefined && isAccumulator(no!)
      ? { item: inner.item, filter: filter! }
      : undefined
  }
  const [left, right] = step.parameters
  if (step.name !== operators.add || !isAccumulator(left!) || right?.kind !== 'list') return undefined
  return right.elements.length === 1 ? { item: right.elements[0]! } : undefined
}

const isAccumulator = (expression: Expression): boolean =>
  expression.kind === 'identifier' && expression.name === accumulatorName

function iterateOne(place: number): Iterate {
  return (frame, range, visit) => {
    if (range instanceof ListValue) {
      const { length } = range
      for (let index = 0; index < length; index++) {
        frame.locals[place] = range.at(index)
        if (!visit()) return
      }
    } else if (range instanceof MapValue) {
      for (const key of range.keys()) {
        frame.locals[place] = key
        if (!visit()) return
      }
    } else throw noSuchOverload()
  }
}

function iterateTwo(first: number, second: number): Iterate {
  return (frame, range, visit) => {
    if (range instanceof ListValue) {
      const { length } = range
      for (let index = 0; index < length; index++) {
        frame.locals[first] = index
        frame.locals[second] = range.at(index)
        if (!visit()) return
      }
    } else if (range instanceof MapValue) {
      for (const key of range.keys()) {
        frame.locals[first] = key
        frame.locals[second] = range.get(key)!
        if (!visit()) return
      }
    } else throw noSuchOverload()
  }
}

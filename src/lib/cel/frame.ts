/** One evaluation under way, and what all closures of it share. */
import { EvaluationError, noSuchOverload, type Value } from './values.ts'
import type { Expression } from './ast.ts'

/** Ends an evaluation; nothing in an expression absorbs it. */
export class EvaluationCancelled extends EvaluationError {}

const noLocals: (Value | EvaluationError | undefined)[] = []

/** One evaluation under way. */
export class Frame {
  /** The values of variables. A function makes a value when it is first read. */
  readonly variables: Variables
  /** What comprehensions declare, each at a place of its own. */
  readonly locals: (Value | EvaluationError | undefined)[]
  readonly limit: number
  cost = 0

  constructor(variables: Variables, locals: number, limit: number) {
    this.variables = variables
    this.locals = locals === 0 ? noLocals : new Array<undefined>(locals)
    this.limit = limit
  }

  /** Counts a cost. */
  pay(cost: number): void {
    this.cost += cost
    if (this.cost > this.limit) throw new EvaluationCancelled('operation cancelled: actual cost limit exceeded')
  }
}

export type Variables = Readonly<Record<string, Value | undefined>>

export type Evaluate = (frame: Frame) => Value

/** What makes closures of expressions. */
export interface ExpressionCompiler {
  compile(expression: Expression): Evaluate
  /** Declares a local while `use` compiles what sees it. */
  withLocal<T>(name: string, use: (place: number) => T): T
}

export function booleanOf(value: Value): boolean {
  if (typeof value !== 'boolean') throw noSuchOverload()
  return value
}

/** The error itself when it is one of an evaluation; thrown on when it is a bug, or the end of the evaluation. */
export function absorbable(error: unknown): EvaluationError {
  if (!(error instanceof EvaluationError) || error instanceof EvaluationCancelled) throw error
  return error
}

/**
 * The whole way of an expression: text, tree, types, closures.
 *
 *     const compiled = compile(new Environment({ variables: { self: intType } }), 'self > 3')
 *     if ('issues' in compiled) throw new Error(formatIssues(text, compiled.issues))
 *     evaluate(compiled, { self: 4 })   // { value: true, cost: 2 }
 */
import type { Expression } from './ast.ts'
import { check, type CheckedExpression } from './checker.ts'
import type { Environment } from './environment.ts'
import { compileExpression, type Compiled } from './evaluate.ts'
import { EvaluationCancelled, Frame, type Variables } from './frame.ts'
import { checkLiterals } from './literalChecks.ts'
import { parse } from './parser.ts'
import type { Issue } from './source.ts'
import { dynType, type Type } from './types.ts'
import { EvaluationError, type Value } from './values.ts'

export interface Program {
  readonly text: string
  readonly checked: CheckedExpression
  /** The type of its result. */
  readonly type: Type
  readonly compiled: Compiled
}

export type CompileResult = Program | { readonly issues: readonly Issue[] }

/** Compiles an expression, or says what is wrong with it; `formatIssues` (source.ts) makes a text of that. */
export function compile(environment: Environment, text: string): CompileResult {
  const parsed = parse(text, environment.macros)
  return 'issues' in parsed ? parsed : compileParsed(environment, text, parsed.expression)
}

/** Compiles what was parsed before. */
export function compileParsed(environment: Environment, text: string, expression: Expression): CompileResult {
  const checked = check(environment, expression)
  if ('issues' in checked) return checked
  const issues = environment.checkLiterals ? checkLiterals(expression) : []
  if (issues.length > 0) return { issues }
  const type = checked.types.get(expression) ?? dynType
  return { text, checked, type, compiled: compileExpression(environment, checked) }
}

/** What came of an evaluation. It costs the same each time that it reads the same. */
export type Outcome = { readonly cost: number } & (
  | { readonly value: Value }
  /** `cancelled` when it was ended because it cost too much. */
  | { readonly error: string; readonly cancelled: boolean }
)

/** Evaluates with these variables; ends with an error when it costs more than `limit`. */
export function evaluate({ compiled }: Program, variables: Variables, limit = Infinity): Outcome {
  const frame = new Frame(variables, compiled.locals, limit)
  try {
    return { value: compiled.evaluate(frame), cost: frame.cost }
  } catch (error) {
    if (!(error instanceof EvaluationError)) throw error
    return { error: error.message, cancelled: error instanceof EvaluationCancelled, cost: frame.cost }
  }
}

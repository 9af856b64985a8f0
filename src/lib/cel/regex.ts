/** Regular expressions as functions of values. */
import { linearRegExp, type LinearRegExp } from '../linearRegExp.ts'
import { EvaluationError } from './values.ts'

export function regexOf(pattern: string): LinearRegExp {
  const compiled = linearRegExp(pattern)
  if ('problem' in compiled) throw new EvaluationError(compiled.problem)
  return compiled
}

export function matches(text: string, pattern: string): boolean {
  return regexOf(pattern).test(text)
}

/**
 * What running a pattern over a text costs at least: nothing beside what cel-go counts, unless repetitions with large
 * bounds make a short pattern into a large program.
 */
export function programCost(text: string, pattern: string): number {
  const compiled = linearRegExp(pattern)
  return 'problem' in compiled ? 0 : Math.ceil((text.length * compiled.size) / 400)
}

/** Literals that can only fail at run time are refused before. */
import type { Expression } from './ast.ts'
import { linearRegExp } from '../linearRegExp.ts'
import type { Issue } from './source.ts'
import { parseDuration, parseTimestamp } from './time.ts'

/** What is wrong with literals of durations, timestamps and regular expressions. */
export function checkLiterals(expression: Expression): readonly Issue[] {
  const issues: Issue[] = []
  visit(expression, (each) => {
    if (each.kind !== 'call') return
    const { name, parameters } = each
    const literal = parameters.at(-1)
    if (literal?.kind !== 'literal' || typeof literal.value !== 'string') return
    const { offset, value } = literal
    if (name === 'matches' || name === 'find' || name === 'findAll') {
      const pattern = name === 'findAll' && each.target !== undefined && parameters.length > 1 ? undefined : value
      const compiled = pattern === undefined ? undefined : linearRegExp(pattern)
      if (compiled !== undefined && 'problem' in compiled && name === 'matches') {
        issues.push({ offset, message: 'invalid matches argument' })
      }
    } else if (each.target === undefined && parameters.length === 1) {
      if (name === 'duration' && parseDuration(value) === undefined)
        issues.push({ offset, message: 'invalid duration argument' })
      if (name === 'timestamp' && parseTimestamp(value) === undefined)
        issues.push({ offset, message: 'invalid timestamp argument' })
    }
  })
  return issues
}

/** Every part of an expression, outer ones first. */
export function visit(expression: Expression, seen: (part: Expression) => void): void {
  seen(expression)
  const inner = (part: Expression): void => visit(part, seen)
  switch (expression.kind) {
    case 'select':
      return inner(expression.operand)
    case 'call':
      if (expression.target !== undefined) inner(expression.target)
      return expression.parameters.forEach(inner)
    case 'list':
      return expression.elements.forEach(inner)
    case 'map':
      return expression.entries.forEach(({ key, value }) => {
        inner(key)
        inner(value)
      })
    case 'struct':
      return expression.fields.forEach(({ value }) => inner(value))
    case 'comprehension':
      return [expression.range, expression.initial, expression.condition, expression.step, expression.result].forEach(
        inner,
      )
    default:
  }
}

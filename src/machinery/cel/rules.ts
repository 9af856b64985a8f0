/**
 * The rules of schemas of custom objects (`x-kubernetes-validations`), compiled. What is wrong with a rule is found here;
 * whether an object keeps it, in evaluateRules.ts.
 *
 * Source: KEP-2876; messages are those of apiextensions-apiserver.
 */
import type { Environment } from '#lib/cel/environment.ts'
import { estimateCost, type Range, type SizeOf } from '#lib/cel/cost.ts'
import { compile, type Program } from '#lib/cel/program.ts'
import { formatIssues } from '#lib/cel/source.ts'
import { optionalType, type Type } from '#lib/cel/types.ts'
import type { Schema, ValidationRule } from '#machinery/schema/model.ts'
import { DeclaredTypes, mostRequestBytes, type DeclaredType } from './declaredType.ts'
import { kubernetesEnvironment } from './environment.ts'

export interface CompiledRule {
  readonly rule: ValidationRule
  /** Absent when the rule is empty or does not compile. */
  readonly program?: Program
  readonly problem?: string
  readonly messageProgram?: Program
  readonly messageProblem?: string
  readonly usesOldSelf: boolean
  /** What one evaluation may cost, by the sizes that the schema allows. */
  readonly cost: number
  readonly messageCost: number
}

/** Where rules stand in a schema, and what they are compiled against. */
export interface RuleScope {
  readonly types: DeclaredTypes
  readonly declared: DeclaredType
}

/** The types of a whole schema; nothing when its values cannot be described. */
export function ruleScope(schema: Schema, isRoot: boolean): RuleScope | undefined {
  const types = new DeclaredTypes()
  const declared = types.declare(schema, 'selfType', isRoot)
  return declared === undefined ? undefined : { types, declared }
}

/** Compiles the rules of one schema, without those below it. */
export function compileRules(rules: readonly ValidationRule[], scope: RuleScope): readonly CompiledRule[] {
  const { declared, types: objectTypes } = scope
  const environmentWith = (oldSelf: Type): Environment =>
    kubernetesEnvironment().extend({ variables: { self: declared.type, oldSelf }, objectTypes })
  const [plain, optional] = [environmentWith(declared.type), environmentWith(optionalType(declared.type))]
  return rules.map((rule) => compileRule(rule, declared, rule.optionalOldSelf === true ? optional : plain))
}

function compileRule(rule: ValidationRule, declared: DeclaredType, environment: Environment): CompiledRule {
  if (rule.rule.trim() === '') return { rule, usesOldSelf: false, cost: 0, messageCost: 0 }
  const failed = (problem: string): CompiledRule => ({ rule, problem, usesOldSelf: false, cost: 0, messageCost: 0 })
  const program = compile(environment, rule.rule)
  if ('issues' in program) return failed(`compilation failed: ${formatIssues(rule.rule, program.issues)}`)
  if (program.type.kind !== 'bool') return failed('cel expression must evaluate to a bool')
  const sizeOf = sizesBelow(declared)
  const compiled = {
    rule,
    program,
    usesOldSelf: program.checked.references.values().some((each) => 'variable' in each && each.variable === 'oldSelf'),
    cost: estimateCost(program.checked, sizeOf).max,
    messageCost: 0,
  }
  const { messageExpression = '' } = rule
  if (messageExpression === '') return compiled
  const message = compile(environment, messageExpression)
  if ('issues' in message) {
    const issues = formatIssues(messageExpression, message.issues)
    return { ...compiled, messageProblem: `messageExpression compilation failed: ${issues}` }
  }
  if (message.type.kind !== 'string')
    return { ...compiled, messageProblem: 'messageExpression must evaluate to a string' }
  return { ...compiled, messageProgram: message, messageCost: estimateCost(message.checked, sizeOf).max }
}

/** How large what a path leads to may be. All paths begin at the value that the rules are about. */
function sizesBelow(root: DeclaredType): SizeOf {
  return (path) => {
    let declared: DeclaredType | undefined = root
    for (const step of path.slice(1)) {
      if (step === '@keys') return keySize(declared)
      declared = step === '@items' || step === '@values' ? declared.element : declared.fields?.get(step)?.declared
      if (declared === undefined) return undefined
    }
    return { min: 0, max: declared.most }
  }
}

/** Keys of maps are strings of any length. */
const keySize = (declared: DeclaredType): Range | undefined =>
  declared.type.kind === 'map' ? { min: 0, max: 0 } : undefined

/** How often a value of a schema can stand in one object at most, when nothing else bounds it. */
export function mostOccurrences(declared: DeclaredType): number {
  return Math.floor(mostRequestBytes / (declared.bytes + 1))
}

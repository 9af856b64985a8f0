// What all admission policies are made of, in the shape of v1.

/** A value that the expressions of a policy can share as `variables.name`. */
export interface Variable {
  /** How it is called; an identifier of CEL. */
  name: string
  /** Its value, an expression in CEL; evaluated when it is first used. */
  expression: string
}

export type { ParamKind, ParamRef } from '../v1/policy.ts'

export type { MatchCondition, MatchResources, NamedRuleWithOperations } from '../v1/rules.ts'

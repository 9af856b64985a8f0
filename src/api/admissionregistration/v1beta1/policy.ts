// What all admission policies are made of, in the shape of v1.

export type { ParamKind, ParamRef, Variable } from '../v1/policy.ts'

export type { MatchCondition, MatchResources, NamedRuleWithOperations } from '../v1/rules.ts'

// Policies with their expressions compiled. A policy is compiled when it is first asked, and again when it has changed.
import type { MutatingAdmissionPolicy } from '#api/admissionregistration/v1beta1/mutatingAdmissionPolicy.ts'
import type { MatchCondition } from '#api/admissionregistration/v1/rules.ts'
import type { ValidatingAdmissionPolicy } from '#api/admissionregistration/v1/validatingAdmissionPolicy.ts'
import { RecentMap } from '#lib/collections/recentMap.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { boolType, listType, nullType, stringType } from '#lib/cel/types.ts'
import { PolicyCompiler, type CompiledExpression } from '#machinery/cel/admissionEnvironment.ts'
import { compileConditions } from '#machinery/cel/admissionEvaluation.ts'
import { objectResult, patchOperation } from '#machinery/cel/patchTypes.ts'

interface CompiledPolicy {
  readonly conditions: readonly CompiledExpression[]
  readonly variables: ReadonlyMap<string, CompiledExpression>
}

export interface CompiledValidatingPolicy extends CompiledPolicy {
  readonly validations: readonly {
    readonly expression: CompiledExpression
    readonly message: CompiledExpression | undefined
  }[]
  readonly annotations: readonly CompiledExpression[]
}

export interface CompiledMutatingPolicy extends CompiledPolicy {
  readonly mutations: readonly CompiledExpression[]
}

/** What was compiled, with the specification that it was compiled from. */
interface Compiled<P> {
  readonly spec: object
  readonly policy: P
}

const validating = new RecentMap<string, Compiled<CompiledValidatingPolicy>>(500)
const mutating = new RecentMap<string, Compiled<CompiledMutatingPolicy>>(500)
const conditionsOnly = new RecentMap<string, readonly CompiledExpression[]>(500)

interface Policy {
  readonly metadata: { readonly uid?: string; readonly resourceVersion?: string }
  readonly spec: object
}

/** Two servers of a process may know different policies by the same revision: the specification decides. */
function compiledOnce<P>(known: RecentMap<string, Compiled<P>>, { metadata, spec }: Policy, compile: () => P): P {
  const key = `${metadata.uid}/${metadata.resourceVersion}`
  const found = known.get(key)
  if (found !== undefined && (found.spec === spec || sameJson(found.spec, spec))) return found.policy
  const policy = compile()
  known.set(key, { spec, policy })
  return policy
}

export function compileValidating(policy: ValidatingAdmissionPolicy): CompiledValidatingPolicy {
  return compiledOnce(validating, policy, () => {
    const { paramKind, variables = [], validations = [], auditAnnotations = [], matchConditions = [] } = policy.spec
    const hasParams = paramKind !== undefined
    const compiler = new PolicyCompiler({ hasParams })
    for (const { name, expression } of variables) compiler.addVariable(name, expression)
    const others = compiler.withoutAuthorizer()
    return {
      conditions: compileConditions(matchConditions, hasParams),
      variables: compiler.variables,
      validations: validations.map(({ expression, messageExpression = '' }) => ({
        expression: compiler.compile(expression, boolType),
        message: messageExpression === '' ? undefined : others.compile(messageExpression, stringType),
      })),
      annotations: auditAnnotations.map(({ valueExpression }) => others.compile(valueExpression, stringType, nullType)),
    }
  })
}

export function compileMutating(policy: MutatingAdmissionPolicy): CompiledMutatingPolicy {
  return compiledOnce(mutating, policy, () => {
    const { paramKind, variables = [], mutations = [], matchConditions = [] } = policy.spec
    const hasParams = paramKind !== undefined
    const compiler = new PolicyCompiler({ hasParams, hasPatches: true })
    for (const { name, expression } of variables) compiler.addVariable(name, expression)
    return {
      conditions: compileConditions(matchConditions, hasParams),
      variables: compiler.variables,
      mutations: mutations.map(({ patchType, jsonPatch, applyConfiguration }) =>
        patchType === 'JSONPatch'
          ? compiler.compile(jsonPatch?.expression ?? '', listType(patchOperation))
          : compiler.compile(applyConfiguration?.expression ?? '', objectResult),
      ),
    }
  })
}

/** The conditions of a webhook, compiled. */
export function compiledConditions(conditions: readonly MatchCondition[]): readonly CompiledExpression[] {
  const key = JSON.stringify(conditions.map(({ expression }) => expression))
  return conditionsOnly.getOrMake(key, () => compileConditions(conditions))
}

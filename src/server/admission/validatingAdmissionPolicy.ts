import {
  validatingAdmissionPolicies,
  type ValidatingAdmissionPolicy,
  type Validation,
} from '#api/admissionregistration/v1/validatingAdmissionPolicy.ts'
import {
  validatingAdmissionPolicyBindings,
  type ValidatingAdmissionPolicyBinding,
} from '#api/admissionregistration/v1/validatingAdmissionPolicyBinding.ts'
import {
  AdmissionEvaluation,
  evaluateConditions,
  OutOfBudget,
  type AdmissionInput,
} from '#machinery/cel/admissionEvaluation.ts'
import { longestMessage, policyLimit } from '#machinery/cel/environment.ts'
import { typeOf } from '#lib/cel/values.ts'
import { failure, type Reason, StatusError } from '#machinery/status.ts'
import { nameOf, refusal, type AdmissionPlugin, type AdmissionRequest, type ClusterView } from './chain.ts'
import { compileValidating, type CompiledValidatingPolicy } from './policies/compiled.ts'
import { noPluginMetrics, type PluginMetrics, type PolicyError } from './pluginMetrics.ts'
import { inputOf, type AskAccess } from './policies/input.ts'
import { ConfigurationError, matchedForm, paramsOf } from './policies/match.ts'
import { RequestForms } from './webhooks/call.ts'
import { isExempt } from './webhooks/hooks.ts'

/** Policies in CEL that may refuse requests, where bindings say that they hold. */
export function validatingAdmissionPolicy(
  access: AskAccess,
  metrics: PluginMetrics = noPluginMetrics,
): AdmissionPlugin {
  return {
    name: 'ValidatingAdmissionPolicy',
    validate(request, cluster) {
      const policies = cluster.list(validatingAdmissionPolicies, '')
      return policies.length === 0 || isExempt(request.resource)
        ? undefined
        : askAll(access, metrics, policies, request, cluster)
    },
  }
}

/** One rule that a request breaks, or that could not be asked. */
interface Denial {
  readonly message: string
  readonly reason?: Validation['reason']
  /** Which of the policy's rules it is. */
  readonly index: number
  /** Why it could not be asked. */
  readonly problem?: PolicyError
}

interface Refusal extends Denial {
  readonly policy: string
  /** Absent when the policy itself cannot be used. */
  readonly binding?: string
}

/** What is noted in the audit log of rules that were broken. */
interface NotedFailure {
  readonly message: string
  readonly policy: string
  readonly binding: string
  readonly expressionIndex: number
  readonly validationActions: readonly string[]
}

const longestAnnotation = 10 * 1024
const mostNoted = 50

async function askAll(
  access: AskAccess,
  metrics: PluginMetrics,
  policies: readonly ValidatingAdmissionPolicy[],
  request: AdmissionRequest,
  cluster: ClusterView,
): Promise<void> {
  const forms = new RequestForms(request, cluster)
  const bindings = cluster.list(validatingAdmissionPolicyBindings, '')
  const refusals: Refusal[] = []
  const noted: NotedFailure[] = []
  for (const policy of policies) {
    const { name } = policy.metadata
    const bound = bindings.filter(({ spec }) => spec.policyName === name)
    if (bound.length === 0) continue
    const unusable = (error: unknown, binding?: string): void => {
      if (!(error instanceof ConfigurationError || error instanceof StatusError)) throw error
      if (policy.spec.failurePolicy === 'Ignore') return
      const message = `failed to configure ${binding === undefined ? 'policy' : 'binding'}: ${error.message}`
      refusals.push({ message, index: 0, policy: name, ...(binding === undefined ? {} : { binding }) })
    }
    const form = attempt(() => matchedForm(policy.spec.matchConstraints ?? {}, request, forms, cluster), unusable)
    if (form === undefined) continue
    const annotations = new Map<string, Set<string>>()
    for (const binding of bound) {
      const bindingName = binding.metadata.name
      const params = attempt(
        () => {
          const { matchResources, paramRef } = binding.spec
          if (matchResources !== undefined && matchedForm(matchResources, request, forms, cluster) === undefined)
            return []
          return paramsOf(policy.spec.paramKind, paramRef, request.namespace, cluster)
        },
        (error) => unusable(error, bindingName),
      )
      for (const each of params ?? []) {
        const input = inputOf(request, await forms.show(form), cluster, access, each)
        const { denials, errors } = askOne(policy, compileValidating(policy), input, annotations)
        for (const denial of errors) refusals.push({ ...denial, policy: name, binding: bindingName })
        for (const denial of denials) settle(denial, policy, binding, request, refusals, noted, metrics)
      }
    }
    for (const [key, values] of annotations) request.annotate(`${name}/${key}`, [...values].join(', '))
  }
  if (noted.length > 0) {
    request.annotate('validation.policy.admission.k8s.io/validation_failure', JSON.stringify(noted.slice(0, mostNoted)))
  }
  if (refusals.length > 0) throw refusalOf(request, refusals[0]!)
}

function attempt<T>(work: () => T, failed: (error: unknown) => void): T | undefined {
  try {
    return work()
  } catch (error) {
    failed(error)
    return undefined
  }
}

const countedAs = { Deny: 'deny', Audit: 'audit', Warn: 'warn' } as const

/** Does with a broken rule what the binding says. */
function settle(
  denial: Denial,
  { metadata: { name: policy } }: ValidatingAdmissionPolicy,
  { metadata: { name: binding }, spec }: ValidatingAdmissionPolicyBinding,
  request: AdmissionRequest,
  refusals: Refusal[],
  noted: NotedFailure[],
  metrics: PluginMetrics,
): void {
  const { validationActions = [] } = spec
  const { message, index: expressionIndex } = denial
  for (const action of validationActions) {
    metrics.policyBroken(policy, binding, countedAs[action], denial.problem ?? 'no_error')
    if (action === 'Deny') refusals.push({ ...denial, policy, binding })
    else if (action === 'Audit') noted.push({ message, policy, binding, expressionIndex, validationActions })
    else
      request.warn(`Validation failed for ValidatingAdmissionPolicy '${policy}' with binding '${binding}': ${message}`)
  }
}

interface Verdict {
  readonly denials: readonly Denial[]
  /** What refuses whatever the binding says: audit annotations that cannot be made. */
  readonly errors: readonly Denial[]
}

/** Asks one policy with one object of parameters. Adds what goes to the audit log. */
function askOne(
  policy: ValidatingAdmissionPolicy,
  compiled: CompiledValidatingPolicy,
  input: AdmissionInput,
  annotations: Map<string, Set<string>>,
): Verdict {
  const { failurePolicy, validations = [] } = policy.spec
  const isStrict = failurePolicy !== 'Ignore'
  const failed = (message: string, index = 0, problem: PolicyError = 'invalid_error'): readonly Denial[] =>
    isStrict ? [{ message, index, problem }] : []
  const matched = evaluateConditions(compiled.conditions, input)
  if ('error' in matched) return { denials: failed(matched.error), errors: [] }
  if (!matched.matches) return { denials: [], errors: [] }
  try {
    const evaluation = new AdmissionEvaluation(input, compiled.variables, policyLimit)
    const denials = compiled.validations.flatMap(({ expression, message }, index): readonly Denial[] => {
      const result = evaluation.evaluate(expression)
      if ('error' in result) return failed(result.error, index)
      if (result.value === true) return []
      const rule = validations[index]!
      const made = message === undefined ? undefined : evaluation.evaluate(message)
      const said = made !== undefined && 'value' in made && typeof made.value === 'string' ? made.value.trim() : ''
      return [{ message: messageOf(rule, said), reason: rule.reason ?? 'Invalid', index }]
    })
    return { denials, errors: annotate(policy, compiled, input, annotations).flatMap((error) => failed(error)) }
  } catch (error) {
    if (!(error instanceof OutOfBudget)) throw error
    return { denials: failed(error.message, 0, 'out_of_budget'), errors: [] }
  }
}

/** What is said: what an expression made, else the fixed message, else the rule itself. */
function messageOf({ message = '', expression }: Validation, made: string): string {
  const isUsable = made !== '' && !made.includes('\n') && new TextEncoder().encode(made).length <= longestMessage
  if (isUsable) return made
  return message.trim() === '' ? `failed expression: ${expression.trim()}` : message.trim()
}

/** Adds the audit annotations of a policy. Returns what is wrong with them. */
function annotate(
  { spec: { auditAnnotations = [] } }: ValidatingAdmissionPolicy,
  compiled: CompiledValidatingPolicy,
  input: AdmissionInput,
  annotations: Map<string, Set<string>>,
): readonly string[] {
  const evaluation = new AdmissionEvaluation(input, compiled.variables, policyLimit)
  return compiled.annotations.flatMap((expression, index) => {
    const { key, valueExpression } = auditAnnotations[index]!
    const result = evaluation.evaluate(expression)
    if ('error' in result) return [result.error]
    if (result.value === null) return []
    if (typeof result.value !== 'string') {
      const type = typeOf(result.value).name
      const why = `resulted in unsupported return type: ${type}. Return type must be either string or null.`
      return [`valueExpression '${valueExpression}' ${why}`]
    }
    const value = result.value.trim().slice(0, longestAnnotation)
    if (value === '') return []
    const known = annotations.get(key)
    if (known === undefined) annotations.set(key, new Set([value]))
    else known.add(value)
    return []
  })
}

function refusalOf(request: AdmissionRequest, { policy, binding, message, reason }: Refusal): StatusError {
  const where = binding === undefined ? '' : ` with binding '${binding}'`
  const text = `ValidatingAdmissionPolicy '${policy}'${where} denied request: ${message}`
  const { status } = refusal(request, text)
  return failure((reason ?? 'Invalid') as Reason, status.message ?? text, {
    ...status.details,
    name: nameOf(request),
    causes: [{ message: text }],
  } as NonNullable<typeof status.details>)
}

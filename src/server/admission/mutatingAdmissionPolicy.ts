import {
  mutatingAdmissionPolicies,
  type MutatingAdmissionPolicy,
} from '#api/admissionregistration/v1beta1/mutatingAdmissionPolicy.ts'
import { mutatingAdmissionPolicyBindings } from '#api/admissionregistration/v1beta1/mutatingAdmissionPolicyBinding.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import { ListValue, MapValue, type Value } from '#lib/cel/values.ts'
import { messageOf } from '#lib/errorText.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { AdmissionEvaluation, evaluateConditions, OutOfBudget } from '#machinery/cel/admissionEvaluation.ts'
import { policyLimit } from '#machinery/cel/environment.ts'
import { MadeObject, misplacedObject, toJson } from '#machinery/cel/patchTypes.ts'
import { objectShape, type Shape } from '#machinery/patch/fieldShape.ts'
import { applyJsonPatch, readJsonPatch } from '#machinery/patch/json.ts'
import type { Json } from '#machinery/patch/merge.ts'
import { fieldProblems, mergeFields } from '#machinery/patch/mergeFields.ts'
import { isObject } from '#machinery/schema/model.ts'
import { failure, StatusError } from '#machinery/status.ts'
import { replaceContents } from '../objects.ts'
import { refusal, type AdmissionPlugin, type AdmissionRequest, type ClusterView } from './chain.ts'
import { compileMutating } from './policies/compiled.ts'
import { inputOf, type AskAccess } from './policies/input.ts'
import { ConfigurationError, matchedForm, paramsOf } from './policies/match.ts'
import { invocationsOf, wantSecondRound } from './reinvocation.ts'
import { RequestForms } from './webhooks/call.ts'
import { isExempt } from './webhooks/hooks.ts'

const name = 'MutatingAdmissionPolicy'

/** Policies in CEL that change objects before they are written, where bindings say that they hold. */
export function mutatingAdmissionPolicy(access: AskAccess): AdmissionPlugin {
  return {
    name,
    admit(request, cluster) {
      if (request.operation === 'DELETE' || isExempt(request.resource)) return undefined
      const policies = cluster.list(mutatingAdmissionPolicies, '')
      return policies.length === 0 ? undefined : askAll(access, policies, request, cluster)
    },
  }
}

/** A change cannot be made; the failure policy says what comes of it. */
class MutationError extends Error {}

async function askAll(
  access: AskAccess,
  policies: readonly MutatingAdmissionPolicy[],
  request: AdmissionRequest,
  cluster: ClusterView,
): Promise<void> {
  const invocations = invocationsOf(request, name)
  invocations.begin(request.object)
  const forms = new RequestForms(request, cluster)
  const bindings = cluster.list(mutatingAdmissionPolicyBindings, '')
  const refused: string[] = []
  for (const policy of policies) {
    for (const binding of bindings.filter(({ spec }) => spec.policyName === policy.metadata.name)) {
      const place = `policy '${policy.metadata.name}' with binding '${binding.metadata.name}' denied request: `
      try {
        const form = matchedForm(policy.spec.matchConstraints ?? {}, request, forms, cluster)
        const { matchResources, paramRef } = binding.spec
        if (form === undefined) continue
        if (matchResources !== undefined && matchedForm(matchResources, request, forms, cluster) === undefined) continue
        for (const params of paramsOf(policy.spec.paramKind, paramRef, request.namespace, cluster)) {
          const id = `${policy.metadata.name}/${binding.metadata.name}/${params?.metadata.namespace}/${params?.metadata.name}`
          if (!invocations.isWanted(id)) continue
          const changed = await change(policy, params, form, { access, request, forms, cluster })
          if (changed) {
            invocations.recall()
            wantSecondRound(request)
          }
          if (policy.spec.reinvocationPolicy === 'IfNeeded') invocations.remember(id)
        }
      } catch (error) {
        const isOurs =
          error instanceof MutationError || error instanceof ConfigurationError || error instanceof OutOfBudget
        if (!isOurs && !(error instanceof StatusError)) throw error
        if (policy.spec.failurePolicy === 'Ignore') continue
        const what = error instanceof ConfigurationError ? 'failed to configure binding: ' : ''
        refused.push(place + what + error.message)
      }
    }
  }
  invocations.end(request.object)
  if (refused.length === 0) return
  const { status } = refusal(request, '')
  throw failure('Invalid', refused[0]!, {
    ...status.details,
    causes: refused.map((message) => ({ message })),
  } as NonNullable<typeof status.details>)
}

interface Surroundings {
  readonly access: AskAccess
  readonly request: AdmissionRequest
  readonly forms: RequestForms
  readonly cluster: ClusterView
}

/** Makes all changes of a policy with one object of parameters. Resolves with whether the object is another one then. */
async function change(
  policy: MutatingAdmissionPolicy,
  params: KubeObject | undefined,
  form: Pick<Resource, 'group' | 'version' | 'plural'>,
  { access, request, forms, cluster }: Surroundings,
): Promise<boolean> {
  const { object, objectKind } = request
  const version = objectKind === undefined ? forms.formOf(form) : undefined
  if (object === undefined || version === undefined) return false
  const compiled = compileMutating(policy)
  const matched = evaluateConditions(
    compiled.conditions,
    inputOf(request, await forms.show(form), cluster, access, params),
  )
  if ('error' in matched) throw new MutationError(matched.error)
  if (!matched.matches) return false
  const served = cluster.kind(version.resource)
  let changed = false
  for (const mutation of compiled.mutations) {
    // Each change sees what the one before it has made.
    const shown = await forms.show(form)
    const input = inputOf(request, shown, cluster, access, params)
    const result = new AdmissionEvaluation(input, compiled.variables, policyLimit).evaluate(mutation)
    if ('error' in result) throw new MutationError(result.error)
    const before = input.object as Json
    const after =
      result.value instanceof ListValue
        ? patched(before, result.value)
        : merged(before, result.value, served && objectShape(served.schema))
    if (sameJson(before, after)) continue
    const read = await version.read(after)
    if (sameJson(read, object)) continue
    replaceContents(object, read)
    request.onRewrite?.()
    changed = true
  }
  return changed
}

/** Carries out a list of `JSONPatch{…}`. A test that fails leaves the object as it is. */
function patched(before: Json, operations: ListValue): Json {
  const written = [...operations].map((each) => {
    if (!(each instanceof MapValue)) throw new MutationError('type mismatch: expected JSONPatch')
    const value = each.get('value')
    const misplaced = value instanceof MadeObject ? misplacedObject(value) : undefined
    if (misplaced !== undefined) throw new MutationError(`type mismatch: ${misplaced}`)
    return toJson(each) as Json
  })
  try {
    return applyJsonPatch(before, readJsonPatch(written))
  } catch (error) {
    if (messageOf(error).startsWith('testing value')) return before
    throw new MutationError(`JSON Patch: ${messageOf(error)}`)
  }
}

/** Merges an `Object{…}` as server-side apply would. Nothing atomic may be in it: the rest of that would be lost. */
function merged(before: Json, value: Value, shape: Shape | undefined): Json {
  if (!(value instanceof MadeObject))
    throw new MutationError('unsupported return type from ApplyConfiguration expression')
  const misplaced = misplacedObject(value)
  if (misplaced !== undefined) throw new MutationError(`type mismatch: ${misplaced}`)
  if (shape === undefined) throw new MutationError('the kind of the object is not known')
  const applied = toJson(value)
  const problems = fieldProblems(shape, applied)
  if (problems.length > 0) {
    throw new MutationError(
      `error applying patch: failed to convert patch object to typed object: ${problems.join(', ')}`,
    )
  }
  const atomics = atomicParts(shape, applied, '')
  if (atomics.length > 0) {
    const list = atomics.join(', ')
    throw new MutationError(
      `error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: ${list}`,
    )
  }
  return mergeFields(shape, before, applied) as Json
}

/** The paths of what has one owner as a whole. */
function atomicParts(shape: Shape, value: unknown, path: string): readonly string[] {
  if (Array.isArray(value)) {
    const own = shape.step === undefined || shape.isAtomic ? [path] : []
    return [...own, ...value.flatMap((item, index) => atomicParts(shape.items, item, `${path}[${index}]`))]
  }
  if (!isObject(value)) return []
  const own = shape.isAtomic ? [path] : []
  const below = Object.entries(value).flatMap(([field, each]) => {
    const inner = shape.fields.get(field)?.shape ?? shape.values
    return inner === undefined ? [] : atomicParts(inner, each, `${path}.${field}`)
  })
  return [...own, ...below]
}

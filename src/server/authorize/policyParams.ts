// Whoever writes policies with parameters, or binds them to some, must be able to read these himself: otherwise policies
// would show him, by what they refuse, objects that he may not see (KEP-3488, KEP-3962).
import type { ParamKind, ParamRef } from '#api/admissionregistration/v1/policy.ts'
import {
  validatingAdmissionPolicies,
  type ValidatingAdmissionPolicy,
} from '#api/admissionregistration/v1/validatingAdmissionPolicy.ts'
import type { ValidatingAdmissionPolicyBinding } from '#api/admissionregistration/v1/validatingAdmissionPolicyBinding.ts'
import { mutatingAdmissionPolicies } from '#api/admissionregistration/v1beta1/mutatingAdmissionPolicy.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { invalid } from '#machinery/status.ts'
import { createReport, problemCauses } from '#machinery/validate/report.ts'
import type { ClusterView } from '../admission/chain.ts'
import type { Caller } from '../strategy.ts'
import { decide, type Authorizer } from './authorizer.ts'
import { mastersGroup } from './mastersGroup.ts'

/** One write of an object whose rules hold. */
interface PolicyWrite {
  readonly resource: Resource
  readonly object: KubeObject
  readonly old: KubeObject | undefined
  readonly caller: Caller
}

/** What somebody must be able to read; `*` where it is not known. */
interface Params {
  readonly group: string
  readonly version: string
  readonly resource: string
}

const group = 'admissionregistration.k8s.io'

/** Refuses with 422 a policy or binding whose writer may not read the parameters. Says nothing of other kinds. */
export function checkPolicyParams(
  authorizers: readonly Authorizer[],
  cluster: Pick<ClusterView, 'kind' | 'get'>,
  write: PolicyWrite,
): void {
  const { resource, object, caller } = write
  if (resource.group !== group || caller.groups.includes(mastersGroup)) return
  const isBinding = resource.plural.endsWith('bindings')
  if (!isBinding && !resource.plural.endsWith('policies')) return
  const may = (verb: string, params: Params, namespace: string, name: string): boolean => {
    const what = { verb, ...params, namespace, name, isResource: true, path: '', subresource: '' }
    return decide(authorizers, caller, what).verdict === 'allow'
  }
  const problem = isBinding ? bindingProblem(write, cluster, may) : policyProblem(write, cluster, may)
  if (problem === undefined) return
  const { report, problems } = createReport()
  report.at('spec', isBinding ? 'paramRef' : 'paramKind').forbidden(problem)
  throw invalid(resource, object.metadata.name, problemCauses(problems))
}

type May = (verb: string, params: Params, namespace: string, name: string) => boolean

function policyProblem({ object, old, caller }: PolicyWrite, cluster: Pick<ClusterView, 'kind'>, may: May) {
  const { paramKind } = (object as ValidatingAdmissionPolicy).spec
  if (paramKind === undefined || sameJson(paramKind, (old as ValidatingAdmissionPolicy | undefined)?.spec.paramKind)) {
    return undefined
  }
  const { apiVersion = '', kind = '' } = paramKind
  if (may('get', paramsOf(paramKind, cluster), '*', '*')) return undefined
  return `user ${userText(caller)} must have "get" permission on all objects of the referenced paramKind (kind=${kind}, apiVersion=${apiVersion})`
}

function bindingProblem(
  { resource, object, old, caller }: PolicyWrite,
  cluster: Pick<ClusterView, 'kind' | 'get'>,
  may: May,
): string | undefined {
  const { paramRef, policyName = '' } = (object as ValidatingAdmissionPolicyBinding).spec
  if (paramRef === undefined) return undefined
  const before = (old as ValidatingAdmissionPolicyBinding | undefined)?.spec
  if (sameJson(paramRef, before?.paramRef) && policyName === before?.policyName) return undefined
  const isMutating = resource.plural.startsWith('mutating')
  const policies = (isMutating ? mutatingAdmissionPolicies : validatingAdmissionPolicies) as Resource<KubeObject>
  const policy = cluster.get(policies, '', policyName) as ValidatingAdmissionPolicy | undefined
  const paramKind = policy?.spec.paramKind
  const params = paramKind === undefined ? anything : paramsOf(paramKind, cluster)
  const { name = '', namespace = '' }: ParamRef = paramRef
  const verb = name === '' ? 'list' : 'get'
  if (may(verb, params, namespace, name)) return undefined
  const user = userText(caller)
  const lacks = `to determine minimum required permissions and user ${user} does not have "${verb}" permission for all groups, versions and resources`
  if (policy === undefined) return `unable to get policy ${policyName} ${lacks}`
  if (paramKind !== undefined && params.resource === '*') {
    return `unable to resolve paramKind &{${paramKind.apiVersion} ${paramKind.kind}} ${lacks}`
  }
  // Upstream says it the wrong way round of policies that change objects.
  const [who, what] = isMutating ? [verb, user] : [user, verb]
  return `user ${who} does not have "${what}" permission on the object referenced by paramRef`
}

const anything: Params = { group: '*', version: '*', resource: '*' }

function paramsOf({ apiVersion = '', kind = '' }: ParamKind, cluster: Pick<ClusterView, 'kind'>): Params {
  const slash = apiVersion.indexOf('/')
  const [group, version] = slash < 0 ? ['', apiVersion] : [apiVersion.slice(0, slash), apiVersion.slice(slash + 1)]
  return { group, version, resource: cluster.kind({ group, version, kind })?.resource.plural ?? '*' }
}

/** A user as Go's `%v` prints it: name, uid, groups and what else is known of him. */
function userText({ name, uid = '', groups, extra = {} }: Caller): string {
  const more = Object.keys(extra)
    .sort()
    .map((key) => `${key}:[${extra[key]!.join(' ')}]`)
  return `&{${name} ${uid} [${groups.join(' ')}] map[${more.join(' ')}]}`
}

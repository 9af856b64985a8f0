// Which policies are about a request, by which bindings, and with which parameters.
import type { ParamKind, ParamRef } from '#api/admissionregistration/v1/policy.ts'
import type { MatchResources, NamedRuleWithOperations } from '#api/admissionregistration/v1/rules.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import { matchesLabelSelector } from '#machinery/labelSelector.ts'
import type { AdmissionRequest, ClusterView } from '../chain.ts'
import type { RequestForms } from '../webhooks/call.ts'
import { matchForm, namespaceMatches, objectMatches } from '../webhooks/match.ts'

type Names = Pick<Resource, 'group' | 'version' | 'plural'>

/**
 * The name under which a policy or binding sees a request; undefined when it is none of its concern. Throws 404 when the
 * namespace of the request is not there.
 */
export function matchedForm(
  match: MatchResources,
  request: AdmissionRequest,
  forms: RequestForms,
  cluster: ClusterView,
): Names | undefined {
  const { namespaceSelector, objectSelector, matchPolicy, resourceRules = [], excludeResourceRules = [] } = match
  const find = (rules: readonly NamedRuleWithOperations[]): Names | undefined =>
    matchForm(
      {
        rules: rules.filter((rule) => namesMatch(rule, request)),
        ...(matchPolicy === undefined ? {} : { matchPolicy }),
      },
      request,
      forms.names,
    )
  if (find(excludeResourceRules) !== undefined) return undefined
  const form = resourceRules.length === 0 ? forms.names[0] : find(resourceRules)
  if (form === undefined || !objectMatches(objectSelector, request)) return undefined
  return namespaceMatches(namespaceSelector, request, cluster) ? form : undefined
}

function namesMatch({ resourceNames = [] }: NamedRuleWithOperations, { name, object }: AdmissionRequest): boolean {
  return resourceNames.length === 0 || resourceNames.includes(name === '' ? (object?.metadata.name ?? '') : name)
}

/** A policy or binding cannot be used as it is; its failure policy says what comes of it. */
export class ConfigurationError extends Error {}

/**
 * The parameters with which a policy is asked, one after the other: undefined alone when it has none, nothing at all when
 * they are missing and need not be there.
 */
export function paramsOf(
  paramKind: ParamKind | undefined,
  paramRef: ParamRef | undefined,
  namespace: string,
  cluster: ClusterView,
): readonly (KubeObject | undefined)[] {
  if (paramKind === undefined || paramRef === undefined) return [undefined]
  const { apiVersion = '', kind = '' } = paramKind
  const slash = apiVersion.indexOf('/')
  const [group, version] = slash < 0 ? ['', apiVersion] : [apiVersion.slice(0, slash), apiVersion.slice(slash + 1)]
  const resource = cluster.kind({ group, version, kind })?.resource
  if (resource === undefined) throw new ConfigurationError(`paramKind kind \`${apiVersion}, Kind=${kind}\` not known`)
  const found = objectsOf(resource, paramRef, namespace, cluster)
  if (found.length === 0 && paramRef.parameterNotFoundAction === 'Deny') {
    throw new ConfigurationError('no params found for policy binding with `Deny` parameterNotFoundAction')
  }
  return found.map((object) => ({ ...object, apiVersion, kind }))
}

function objectsOf(
  resource: Resource,
  paramRef: ParamRef,
  namespace: string,
  cluster: ClusterView,
): readonly KubeObject[] {
  const { name = '', namespace: own = '', selector } = paramRef
  const isNamespaced = resource.scope === 'Namespaced'
  if (own !== '' && !isNamespaced) {
    throw new ConfigurationError('paramRef.namespace must not be provided for a cluster-scoped `paramKind`')
  }
  const place = isNamespaced ? (own === '' ? namespace : own) : ''
  if (isNamespaced && place === '') {
    throw new ConfigurationError(
      'cannot use namespaced paramRef in policy binding that matches cluster-scoped resources',
    )
  }
  if (name !== '') {
    const object = cluster.get(resource, place, name)
    return object === undefined ? [] : [object]
  }
  if (selector === undefined) throw new ConfigurationError('one of name or selector must be provided')
  return cluster.list(resource, place).filter(({ metadata }) => matchesLabelSelector(selector, metadata.labels ?? {}))
}

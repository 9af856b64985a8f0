// Whether a webhook is about a request: rules, and selectors of namespaces and objects.
import type { MatchPolicyType, RuleWithOperations } from '#api/admissionregistration/v1/rules.ts'
import { namespaces } from '#api/core/v1/namespace.ts'
import type { LabelSelector } from '#api/meta/v1/labelSelector.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import { matchesLabelSelector } from '#machinery/labelSelector.ts'
import { notFound } from '#machinery/status.ts'
import type { AdmissionRequest, ClusterView } from '../chain.ts'

/** What webhooks and policies say about the requests that they want to see. */
export interface Matching {
  readonly rules?: readonly RuleWithOperations[]
  readonly matchPolicy?: MatchPolicyType
  readonly namespaceSelector?: LabelSelector
  readonly objectSelector?: LabelSelector
}

type Names = Pick<Resource, 'group' | 'version' | 'plural'>

/** Names that objects of a resource go by: the one that was asked for, then the other versions of it. */
export type Forms = readonly [Names, ...Names[]]

/**
 * The name under which a request is to be shown; undefined when it is of no concern. `forms` begins with the one that was
 * requested; the others count where the match policy is `Equivalent`.
 */
export function matchForm(
  matching: Matching,
  request: Pick<AdmissionRequest, 'operation' | 'subresource' | 'namespace' | 'resource'>,
  forms: Forms,
): Names | undefined {
  const { rules = [], matchPolicy } = matching
  const [requested, ...others] = forms
  if (rules.some((rule) => ruleMatches(rule, request, requested))) return requested
  if (matchPolicy === 'Exact') return undefined
  for (const rule of rules) {
    const form = others.find((each) => ruleMatches(rule, request, each))
    if (form !== undefined) return form
  }
  return undefined
}

function ruleMatches(
  { operations = [], apiGroups = [], apiVersions = [], resources = [], scope = '*' }: RuleWithOperations,
  request: Pick<AdmissionRequest, 'operation' | 'subresource' | 'namespace' | 'resource'>,
  form: Names,
): boolean {
  const takes = (list: readonly string[], value: string): boolean => list.includes('*') || list.includes(value)
  if (!takes(operations, request.operation) || !takes(apiGroups, form.group)) return false
  if (!takes(apiVersions, form.version)) return false
  if (scope !== '*') {
    const isNamespaced = request.namespace !== '' && !isNamespace(request.resource)
    if (isNamespaced !== (scope === 'Namespaced')) return false
  }
  return resources.some((each) => {
    const slash = each.indexOf('/')
    const [resource, part] = slash < 0 ? [each, ''] : [each.slice(0, slash), each.slice(slash + 1)]
    return (resource === '*' || resource === form.plural) && (part === '*' || part === request.subresource)
  })
}

function isNamespace(resource: Pick<Resource, 'group' | 'plural'>): boolean {
  return resource.group === namespaces.group && resource.plural === namespaces.plural
}

/** Whether a selector takes everything: absent, or without a term. */
function isOpen(selector: LabelSelector | undefined): boolean {
  return (
    selector === undefined ||
    (Object.keys(selector.matchLabels ?? {}).length === 0 && (selector.matchExpressions?.length ?? 0) === 0)
  )
}

/** Whether the object, or what it was, has labels of the selector. */
export function objectMatches(selector: LabelSelector | undefined, { object, old }: AdmissionRequest): boolean {
  if (isOpen(selector)) return true
  return [object, old].some((each) => each !== undefined && matchesLabelSelector(selector, labelsOf(each)))
}

function labelsOf({ metadata }: KubeObject): Record<string, string> {
  return metadata?.labels ?? {}
}

/** Whether the namespace of the object, or the Namespace itself, has labels of the selector. Throws 404 when it is not there. */
export function namespaceMatches(
  selector: LabelSelector | undefined,
  request: AdmissionRequest,
  cluster: ClusterView,
): boolean {
  if (isOpen(selector)) return true
  const { resource, object, old, namespace, name } = request
  if (isNamespace(resource)) {
    const shown = request.operation === 'DELETE' || request.subresource !== '' ? (old ?? object) : (object ?? old)
    const labels = shown?.metadata.labels ?? cluster.get(namespaces, '', name)?.metadata.labels
    return matchesLabelSelector(selector, labels ?? {})
  }
  if (namespace === '') return true
  const found = cluster.get(namespaces, '', namespace)
  if (found === undefined) throw notFound(namespaces, namespace)
  return matchesLabelSelector(selector, found.metadata.labels ?? {})
}

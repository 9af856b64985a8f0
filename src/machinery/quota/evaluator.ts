// What quotas count: how much of which resources an object uses, and whether a quota is about it. The server charges
// with this, the controller counts anew with it.
import type { ResourceList } from '#api/core/v1/container.ts'
import type { ResourceQuota, ScopedResourceSelectorRequirement } from '#api/core/v1/resourceQuota.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import { qualifiedName } from '#machinery/status.ts'

/** A requirement on a scope, as quotas and administrators state it. */
export interface ScopeRequirement extends Omit<ScopedResourceSelectorRequirement, 'values'> {
  readonly values?: readonly string[]
}

/** Measures objects of one resource. */
export interface QuotaEvaluator {
  /** Whether this resource's objects use what is called so in quotas, such as `requests.cpu`. */
  measures(name: string): boolean
  /** Whether such a write can raise what is used. */
  charges(operation: 'CREATE' | 'UPDATE', subresource: string): boolean
  /** What an object uses. `now` in milliseconds. */
  usage(object: KubeObject, now: number): ResourceList
  isInScope(requirement: ScopeRequirement, object: KubeObject): boolean
  /** What an object must say because a quota limits these names; undefined when it says enough. */
  complaint?(names: readonly string[], object: KubeObject): string | undefined
}

/** What a quota calls the number of objects of a resource: `count/pods`, `count/deployments.apps`. */
export function countName(resource: Pick<Resource, 'group' | 'plural'>): string {
  return `count/${qualifiedName(resource)}`
}

/** The scopes of a quota and the requirements on scopes, as one list. */
export function requirementsOf({ spec }: ResourceQuota): readonly ScopeRequirement[] {
  const scopes = (spec.scopes ?? []).map((scopeName) => ({ scopeName, operator: 'Exists' as const }))
  return [...scopes, ...(spec.scopeSelector?.matchExpressions ?? [])]
}

/** Whether a quota's scopes take in an object. */
export function takesIn(quota: ResourceQuota, evaluator: QuotaEvaluator, object: KubeObject): boolean {
  return requirementsOf(quota).every((requirement) => evaluator.isInScope(requirement, object))
}

/** Whether the values of a scope's requirement hold for an object that has these values; `Exists` asks for any. */
export function meets({ operator, values = [] }: ScopeRequirement, own: readonly (string | undefined)[]): boolean {
  const has = own.filter((value) => value !== undefined && value !== '')
  switch (operator) {
    case 'Exists':
      return has.length > 0
    case 'DoesNotExist':
      return has.length === 0
    case 'In':
      return has.some((value) => values.includes(value!))
    case 'NotIn':
      return has.length === 0 || has.some((value) => !values.includes(value!))
  }
}

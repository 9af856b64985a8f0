import { persistentVolumeClaims } from '#api/core/v1/persistentVolumeClaim.ts'
import { pods } from '#api/core/v1/pod.ts'
import { services } from '#api/core/v1/service.ts'
import { resourceClaims } from '#api/resource/v1/resourceClaim.ts'
import type { Resource } from '#api/resource.ts'
import { qualifiedName } from '#machinery/status.ts'
import { claimEvaluator } from './claims.ts'
import { deviceClaimEvaluator } from './devices.ts'
import { countName, type QuotaEvaluator } from './evaluator.ts'
import { podEvaluator } from './pods.ts'
import { serviceEvaluator } from './services.ts'

/** Resources whose objects use more than their number. */
export const measuredResources: readonly (readonly [Resource<any>, QuotaEvaluator])[] = [
  [pods, podEvaluator],
  [services, serviceEvaluator],
  [persistentVolumeClaims, claimEvaluator],
  [resourceClaims, deviceClaimEvaluator],
]

/** Resources that quotas counted before there was `count/`. */
const countedByName = new Set(['configmaps', 'replicationcontrollers', 'resourcequotas', 'secrets'])

const evaluators = new Map<string, QuotaEvaluator>(
  measuredResources.map(([resource, evaluator]) => [qualifiedName(resource), evaluator]),
)

/** Measures objects of a resource; undefined for what is never counted. */
export function evaluatorOf(resource: Pick<Resource, 'group' | 'plural'>): QuotaEvaluator | undefined {
  const name = qualifiedName(resource)
  const known = evaluators.get(name)
  if (known !== undefined || name === 'events' || name === 'events.events.k8s.io') return known
  const made = countEvaluator(resource)
  evaluators.set(name, made)
  return made
}

function countEvaluator(resource: Pick<Resource, 'group' | 'plural'>): QuotaEvaluator {
  const names = [countName(resource)]
  if (resource.group === '' && countedByName.has(resource.plural)) names.push(resource.plural)
  const one = Object.fromEntries(names.map((name) => [name, '1']))
  return {
    measures: (name) => names.includes(name),
    charges: (operation, subresource) => operation === 'CREATE' && subresource === '',
    usage: () => one,
    isInScope: () => false,
  }
}

/** The resource that a quota's name for a number of objects is about: `secrets`, `count/widgets.example.com`. */
export function countedResource(name: string): { readonly group: string; readonly plural: string } | undefined {
  if (countedByName.has(name)) return { group: '', plural: name }
  if (!name.startsWith('count/')) return undefined
  const [plural = '', ...group] = name.slice('count/'.length).split('.')
  return { group: group.join('.'), plural }
}

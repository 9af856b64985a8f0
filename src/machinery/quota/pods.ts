import type { Container, ResourceList } from '#api/core/v1/container.ts'
import type { PodAffinityTerm } from '#api/core/v1/affinity.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import { podTotal } from '#machinery/podTotals.ts'
import { qosClassOf } from '#machinery/qosClass.ts'
import { addResourceLists, pickResources } from '#machinery/resourceLists.ts'
import { countName, meets, type QuotaEvaluator } from './evaluator.ts'

const requestPrefix = 'requests.'
const computed = ['cpu', 'memory', 'ephemeral-storage']
const counted = new Set([
  countName(pods),
  'pods',
  ...computed.flatMap((name) => [name, `requests.${name}`, `limits.${name}`]),
])

/** Who limits one of these has every container say how much it needs. Upstream regrets it and adds no more. */
const mustBeGiven = new Set(['cpu', 'memory'].flatMap((name) => [name, `requests.${name}`, `limits.${name}`]))

/** Resources of vendors, such as `nvidia.com/gpu`. */
function isExtended(name: string): boolean {
  return name.includes('/') && !name.includes('kubernetes.io/') && !name.startsWith(requestPrefix)
}

/** Pods use what they ask for as long as they are not finished; `count/pods` counts finished ones too. */
export const podEvaluator: QuotaEvaluator = {
  measures: (name) =>
    counted.has(name) ||
    name.startsWith('hugepages-') ||
    name.startsWith(`${requestPrefix}hugepages-`) ||
    (name.startsWith(requestPrefix) && isExtended(name.slice(requestPrefix.length))),
  charges: (operation, subresource) =>
    operation === 'CREATE' ? subresource === '' || subresource === 'resize' : subresource === 'resize',
  usage(object, now) {
    const pod = object as Pod
    return hasEnded(pod, now) ? { [countName(pods)]: '1' } : usageOf(pod)
  },
  isInScope(requirement, object) {
    const pod = object as Pod
    switch (requirement.scopeName) {
      case 'Terminating':
        return pod.spec.activeDeadlineSeconds !== undefined
      case 'NotTerminating':
        return pod.spec.activeDeadlineSeconds === undefined
      case 'BestEffort':
        return qosClassOf(pod) === 'BestEffort'
      case 'NotBestEffort':
        return qosClassOf(pod) !== 'BestEffort'
      case 'PriorityClass':
        return meets(requirement, [pod.spec.priorityClassName])
      case 'CrossNamespacePodAffinity':
        return affinityTerms(pod).some(
          ({ namespaces = [], namespaceSelector }) => namespaces.length > 0 || namespaceSelector !== undefined,
        )
      default:
        return false
    }
  },
  complaint(names, object) {
    const { spec } = object as Pod
    const ofPod = Object.keys(computeUsage(spec.resources?.requests ?? {}, spec.resources?.limits ?? {}))
    const required = names.filter((name) => mustBeGiven.has(name) && !ofPod.includes(name)).sort()
    const missing = required.flatMap((name) => {
      const silent = [...spec.containers, ...(spec.initContainers ?? [])].filter((container) => !gives(container, name))
      if (silent.length === 0) return []
      return `${name} for: ${silent
        .map((container) => container.name)
        .sort()
        .join(',')}`
    })
    return missing.length === 0 ? undefined : `must specify ${missing.join('; ')}`
  },
}

function gives({ resources }: Container, name: string): boolean {
  return Object.hasOwn(computeUsage(resources?.requests ?? {}, resources?.limits ?? {}), name)
}

function affinityTerms({ spec }: Pod): readonly PodAffinityTerm[] {
  return [spec.affinity?.podAffinity, spec.affinity?.podAntiAffinity].flatMap((affinity) => [
    ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(({ podAffinityTerm }) => podAffinityTerm),
  ])
}

/** Finished, or past the time in which it should have ended. */
function hasEnded({ status, metadata }: Pod, now: number): boolean {
  if (status?.phase === 'Succeeded' || status?.phase === 'Failed') return true
  const { deletionTimestamp, deletionGracePeriodSeconds: grace } = metadata
  if (deletionTimestamp === undefined || grace === undefined) return false
  return now > Date.parse(deletionTimestamp) + grace * 1_000
}

/** Specifications of stored pods are shared and frozen; a namespace is counted again and again. */
const known = new WeakMap<object, ResourceList>()

function usageOf({ spec }: Pod): ResourceList {
  const found = known.get(spec)
  if (found !== undefined) return found
  const overhead = spec.overhead ?? {}
  const requests = addResourceLists(podTotal(spec, 'requests'), overhead)
  const total = podTotal(spec, 'limits')
  const limits = addResourceLists(total, pickResources(overhead, Object.keys(total)))
  const usage = { [countName(pods)]: '1', pods: '1', ...computeUsage(requests, limits) }
  if (Object.isFrozen(spec)) known.set(spec, usage)
  return usage
}

/** Requests and limits under the names that quotas have for them. */
function computeUsage(requests: ResourceList, limits: ResourceList): ResourceList {
  const usage: ResourceList = {}
  for (const [name, amount] of Object.entries(requests)) {
    if (computed.includes(name) || name.startsWith('hugepages-')) usage[name] = usage[requestPrefix + name] = amount
    else if (isExtended(name)) usage[requestPrefix + name] = amount
  }
  for (const name of computed) if (limits[name] !== undefined) usage[`limits.${name}`] = limits[name]
  return usage
}

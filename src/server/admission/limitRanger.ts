import type { Container, ResourceList } from '#api/core/v1/container.ts'
import { limitRanges, type LimitRange, type LimitRangeItem } from '#api/core/v1/limitRange.ts'
import { persistentVolumeClaims, type PersistentVolumeClaim } from '#api/core/v1/persistentVolumeClaim.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import { ownValue } from '#lib/collections/ownValue.ts'
import { podTotal } from '#machinery/podTotals.ts'
import { compareQuantities, quantityMilliValue } from '#machinery/quantity.ts'
import { concerns, refusal, type AdmissionPlugin, type AdmissionRequest, type ClusterView } from './chain.ts'

const annotation = 'kubernetes.io/limit-ranger'

/** Gives containers the defaults of a namespace's limit ranges and refuses what is outside of their bounds. */
export const limitRanger: AdmissionPlugin = {
  name: 'LimitRanger',
  admit(request, cluster) {
    if (!isBounded(request) || !concernsPod(request)) return
    for (const range of rangesFor(request, cluster)) setDefaults(request.object as Pod, range)
  },
  validate(request, cluster) {
    if (!isBounded(request)) return
    for (const { spec } of rangesFor(request, cluster)) {
      const limits = spec.limits ?? []
      const problems = concernsPod(request)
        ? podProblems(request.object as Pod, limits)
        : claimProblems(request.object as PersistentVolumeClaim, limits)
      if (problems.length > 0) throw refusal(request, aggregate(problems))
    }
  },
}

const concernsPod = (request: AdmissionRequest): boolean => request.resource.plural === pods.plural

/** Pods are bounded when they are made and when they are resized; other updates cannot change what they ask for. */
function isBounded(request: AdmissionRequest): boolean {
  const { operation, old } = request
  if (operation === 'CREATE') return concerns(request, pods) || concerns(request, persistentVolumeClaims)
  if (operation !== 'UPDATE' || old?.metadata.deletionTimestamp !== undefined) return false
  return concerns(request, pods, 'resize') || concerns(request, persistentVolumeClaims)
}

function rangesFor({ namespace }: AdmissionRequest, cluster: ClusterView): readonly LimitRange[] {
  return cluster.list(limitRanges, namespace)
}

function setDefaults({ metadata, spec }: Pod, { spec: { limits } }: LimitRange): void {
  const defaults = (limits ?? []).filter(({ type }) => type === 'Container')
  const merged = (field: 'default' | 'defaultRequest'): ResourceList =>
    Object.assign({}, ...defaults.map((each) => each[field] ?? {}))
  const [byLimit, byRequest] = [merged('default'), merged('defaultRequest')]
  const said: string[] = []
  const complete = (container: Container, sort: string): void => {
    const limitsSet = addMissing(container, 'limits', byLimit)
    const requestsSet = addMissing(container, 'requests', byRequest)
    if (requestsSet !== '') said.push(`${requestsSet} request for ${sort} ${container.name}`)
    if (limitsSet !== '') said.push(`${limitsSet} limit for ${sort} ${container.name}`)
  }
  for (const container of spec.containers) complete(container, 'container')
  for (const container of spec.initContainers ?? []) complete(container, 'init container')
  if (said.length === 0) return
  metadata.annotations = { ...metadata.annotations, [annotation]: `LimitRanger plugin set: ${said.join('; ')}` }
}

/** Adds what a container leaves open. Returns the names, `cpu, memory`. */
function addMissing(container: Container, field: 'limits' | 'requests', defaults: ResourceList): string {
  const list = container.resources?.[field] ?? {}
  const missing = Object.keys(defaults).filter((name) => !Object.hasOwn(list, name))
  if (missing.length === 0) return ''
  const added = Object.fromEntries(missing.map((name) => [name, defaults[name]!]))
  container.resources = { ...container.resources, [field]: { ...list, ...added } }
  return missing.sort().join(', ')
}

function podProblems({ spec }: Pod, limits: readonly LimitRangeItem[]): readonly string[] {
  return limits.flatMap((limit) => {
    if (limit.type === 'Container') {
      return [...spec.containers, ...(spec.initContainers ?? [])].flatMap(({ resources }) =>
        boundProblems(limit, resources?.requests ?? {}, resources?.limits ?? {}),
      )
    }
    return limit.type === 'Pod' ? boundProblems(limit, podTotal(spec, 'requests'), podTotal(spec, 'limits')) : []
  })
}

function boundProblems(item: LimitRangeItem, requests: ResourceList, limits: ResourceList): readonly string[] {
  const { type, min, max, maxLimitRequestRatio } = item
  return [
    ...eachBound(min, (name, bound) =>
      belowMinimum(name, bound, type, ownValue(requests, name), ownValue(limits, name)),
    ),
    ...eachBound(max, (name, bound) =>
      aboveMaximum(name, bound, type, ownValue(requests, name), ownValue(limits, name)),
    ),
    ...eachBound(maxLimitRequestRatio, (name, bound) =>
      aboveRatio(name, bound, type, ownValue(requests, name), ownValue(limits, name)),
    ),
  ]
}

function eachBound(
  bounds: ResourceList | undefined,
  problemOf: (name: string, bound: string) => string | undefined,
): readonly string[] {
  return Object.entries(bounds ?? {})
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, bound]) => problemOf(name, bound) ?? [])
}

function belowMinimum(name: string, bound: string, type: string, request?: string, limit?: string): string | undefined {
  const rule = `minimum ${name} usage per ${type} is ${bound}`
  if (request === undefined) return `${rule}.  No request is specified`
  if (compareQuantities(request, bound) < 0) return `${rule}, but request is ${request}`
  if (limit !== undefined && compareQuantities(limit, bound) < 0) return `${rule}, but limit is ${limit}`
  return undefined
}

function aboveMaximum(name: string, bound: string, type: string, request?: string, limit?: string): string | undefined {
  const rule = `maximum ${name} usage per ${type} is ${bound}`
  if (limit === undefined) return `${rule}.  No limit is specified`
  if (compareQuantities(limit, bound) > 0) return `${rule}, but limit is ${limit}`
  if (request !== undefined && compareQuantities(request, bound) > 0) return `${rule}, but request is ${request}`
  return undefined
}

function aboveRatio(name: string, bound: string, type: string, request = '0', limit = '0'): string | undefined {
  const rule = `${name} max limit to request ratio per ${type} is ${bound}`
  if (compareQuantities(request, '0') === 0) return `${rule}, but no request is specified or request is 0`
  if (compareQuantities(limit, '0') === 0) return `${rule}, but no limit is specified or limit is 0`
  const ratio = quantityMilliValue(limit) / quantityMilliValue(request)
  return ratio * 1_000 > quantityMilliValue(bound) ? `${rule}, but provided ratio is ${ratio.toFixed(6)}` : undefined
}

function claimProblems({ spec }: PersistentVolumeClaim, limits: readonly LimitRangeItem[]): readonly string[] {
  const requests = spec.resources?.requests ?? {}
  return limits.flatMap(({ type, min, max }) => {
    if (type !== 'PersistentVolumeClaim') return []
    return [
      ...eachBound(min, (name, bound) => belowMinimum(name, bound, type, ownValue(requests, name))),
      ...eachBound(max, (name, bound) => {
        const request = ownValue(requests, name)
        const rule = `maximum ${name} usage per ${type} is ${bound}`
        if (request === undefined) return `${rule}.  No request is specified`
        return compareQuantities(request, bound) > 0 ? `${rule}, but request is ${request}` : undefined
      }),
    ]
  })
}

/** Several problems as one text, each once. */
function aggregate(problems: readonly string[]): string {
  const distinct = [...new Set(problems)]
  return distinct.length === 1 ? distinct[0]! : `[${distinct.join(', ')}]`
}

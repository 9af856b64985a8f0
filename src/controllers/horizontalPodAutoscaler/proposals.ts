// What each entry of `spec.metrics` asks for, what is to be told of it, and what upstream's messages call it.
import type { CrossVersionObjectReference } from '#api/autoscaling/v2/horizontalPodAutoscaler.ts'
import type { MetricSpec, MetricStatus, MetricTarget, MetricValueStatus } from '#api/autoscaling/v2/metric.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { LabelSelector } from '#api/meta/v1/labelSelector.ts'
import { milliQuantityOf, quantityMilliValue } from '#machinery/quantity.ts'
import { isProblem, requestsOf, type Measured, type PodMeasures, type Problem } from './measures.ts'
import { byAverage, byShare, byUtilization, byValue, type Proposal, type Tolerance } from './replicas.ts'

/** What came of one entry. */
export type Outcome =
  | { readonly replicas: number; readonly name: string; readonly status: MetricStatus }
  | {
      /** The reason of the event and of the condition, and their cause. */
      readonly reason: string
      readonly cause: string
      /** The cause as it is told among those of all entries. */
      readonly problem: string
    }

export interface Target {
  /** How many there should be, and how many there are. */
  readonly replicas: number
  readonly present: number
  /** Those that its selector picks. */
  readonly pods: readonly Pod[]
  readonly tolerance: Tolerance
  readonly now: number
}

/** How many replicas an entry asks for, given what was measured for it. */
export function proposal(spec: MetricSpec, measured: Measured, target: Target): Outcome {
  switch (spec.type) {
    case 'Resource':
      return resourceProposal(spec, measured, target)
    case 'ContainerResource':
      return containerProposal(spec, measured, target)
    case 'Pods':
      return podsProposal(spec, measured, target)
    case 'Object':
      return objectProposal(spec, measured, target)
    case 'External':
      return externalProposal(spec, measured, target)
    default: {
      const cause = `unknown metric source type ${JSON.stringify(spec.type)}`
      return { reason: 'InvalidMetricSourceType', cause, problem: cause }
    }
  }
}

function resourceProposal({ resource }: MetricSpec, measured: Measured, target: Target): Outcome {
  const { name, target: wanted } = resource!
  const found = useProposal(name, wanted, undefined, measured, target)
  if (isProblem(found)) {
    const cause = found.problem
    return {
      reason: 'FailedGetResourceMetric',
      cause,
      problem: `failed to get ${name} resource metric value: ${cause}`,
    }
  }
  const isAverage = wanted.averageValue !== undefined
  return {
    replicas: found.replicas,
    name: isAverage ? `${name} resource` : `${name} resource utilization (percentage of request)`,
    status: { type: 'Resource', resource: { name, current: useStatus(found) } },
  }
}

function containerProposal({ containerResource }: MetricSpec, measured: Measured, target: Target): Outcome {
  const { name, container, target: wanted } = containerResource!
  const found = useProposal(name, wanted, container, measured, target)
  if (isProblem(found)) {
    const cause = found.problem
    const problem = `failed to get ${container} container metric value: ${cause}`
    return { reason: 'FailedGetContainerResourceMetric', cause, problem }
  }
  const isAverage = wanted.averageValue !== undefined
  return {
    replicas: found.replicas,
    name: isAverage ? `${name} resource` : `${name} container resource utilization (percentage of request)`,
    status: { type: 'ContainerResource', containerResource: { name, container, current: useStatus(found) } },
  }
}

function useProposal(
  resource: string,
  { averageValue, averageUtilization }: MetricTarget,
  container: string | undefined,
  measured: Measured,
  { pods, replicas, tolerance, now }: Target,
): Proposal | Problem {
  if (averageValue === undefined && averageUtilization === undefined) {
    return {
      problem:
        'invalid resource metric source: neither an average utilization target nor an average value (usage) target was set',
    }
  }
  const what = `failed to get ${resource} ${averageValue === undefined ? 'utilization' : 'usage'}`
  if (isProblem(measured)) {
    return { problem: `${what}: unable to get metrics for resource ${resource}: ${measured.problem}` }
  }
  const around = { pods, measures: podsOf(measured), resource, current: replicas, tolerance, now }
  const found =
    averageValue === undefined
      ? byUtilization({
          ...around,
          target: averageUtilization!,
          requests: () => requestsOf(pods, resource, container),
        })
      : byAverage({ ...around, target: quantityMilliValue(averageValue) })
  return isProblem(found) ? { problem: `${what}: ${found.problem}` } : found
}

function useStatus({ utilization, milli }: Proposal): MetricValueStatus {
  return {
    ...(utilization === undefined ? {} : { averageUtilization: utilization }),
    averageValue: milliQuantityOf(milli),
  }
}

function podsProposal({ pods: spec }: MetricSpec, measured: Measured, target: Target): Outcome {
  const { metric, target: wanted } = spec!
  const failed = (cause: string): Outcome => ({
    reason: 'FailedGetPodsMetric',
    cause,
    problem: `failed to get pods metric value: ${cause}`,
  })
  if (isProblem(measured)) return failed(`unable to get metric ${metric.name}: ${measured.problem}`)
  const { pods, replicas, tolerance, now } = target
  const goal = quantityMilliValue(wanted.averageValue ?? '0')
  const around = { pods, measures: podsOf(measured), resource: '', current: replicas, tolerance, now }
  const found = byAverage({ ...around, target: goal })
  if (isProblem(found)) return failed(found.problem)
  const current = { averageValue: milliQuantityOf(found.milli) }
  return {
    replicas: found.replicas,
    name: `pods metric ${metric.name}`,
    status: { type: 'Pods', pods: { metric, current } },
  }
}

function objectProposal({ object }: MetricSpec, measured: Measured, target: Target): Outcome {
  const { describedObject, metric, target: wanted } = object!
  const failed = (cause: string): Outcome => ({
    reason: 'FailedGetObjectMetric',
    cause,
    problem: `failed to get object metric value: ${cause}`,
  })
  if (isProblem(measured)) {
    const cause = measured.problem
    const isShare = wanted.type === 'AverageValue' && wanted.averageValue !== undefined
    return isShare
      ? {
          ...failed(cause),
          problem: `failed to get object metric value: failed to get ${metric.name} object metric: ${cause}`,
        }
      : failed(cause)
  }
  const done = (replicas: number, name: string, current: MetricValueStatus): Outcome => ({
    replicas,
    name,
    status: { type: 'Object', object: { metric, current, describedObject } },
  })
  const milli = amountOf(measured)
  if (wanted.type === 'Value' && wanted.value !== undefined) {
    const { replicas: current, pods, tolerance } = target
    const found = byValue({ milli, target: quantityMilliValue(wanted.value), current, pods, tolerance })
    if (isProblem(found)) return failed(found.problem)
    const name = `${describedObject.kind} metric ${metric.name}`
    return done(found.replicas, name, { value: milliQuantityOf(milli) })
  }
  if (wanted.type === 'AverageValue' && wanted.averageValue !== undefined) {
    const { present, tolerance } = target
    const found = byShare({ milli, target: quantityMilliValue(wanted.averageValue), present, tolerance })
    return done(found.replicas, externalName(metric), { averageValue: milliQuantityOf(found.milli) })
  }
  return failed('invalid object metric source: neither a value target nor an average value target was set')
}

function externalProposal({ external }: MetricSpec, measured: Measured, target: Target): Outcome {
  const { metric, target: wanted } = external!
  const failed = (cause: string, problem = cause): Outcome => ({
    reason: 'FailedGetExternalMetric',
    cause,
    problem: `failed to get ${metric.name} external metric value: ${problem}`,
  })
  const isShare = wanted.averageValue !== undefined
  const told = (cause: string): string =>
    isShare
      ? `failed to get ${metric.name} external metric: ${cause}`
      : `failed to get external metric ${metric.name}: ${cause}`
  if (!isShare && wanted.value === undefined) {
    return failed('invalid external metric source: neither a value target nor an average value target was set')
  }
  if (isProblem(measured)) return failed(measured.problem, told(measured.problem))
  const milli = amountOf(measured)
  const done = (replicas: number, current: MetricValueStatus): Outcome => ({
    replicas,
    name: externalName(metric),
    status: { type: 'External', external: { metric, current } },
  })
  const { replicas: current, present, pods, tolerance } = target
  if (isShare) {
    const found = byShare({ milli, target: quantityMilliValue(wanted.averageValue!), present, tolerance })
    return done(found.replicas, { averageValue: milliQuantityOf(found.milli) })
  }
  const found = byValue({ milli, target: quantityMilliValue(wanted.value!), current, pods, tolerance })
  if (isProblem(found)) return failed(found.problem, told(found.problem))
  return done(found.replicas, { value: milliQuantityOf(milli) })
}

function podsOf(measured: Exclude<Measured, Problem>): PodMeasures {
  return 'pods' in measured ? measured.pods : new Map()
}

function amountOf(measured: Exclude<Measured, Problem>): number {
  return 'milli' in measured ? measured.milli : 0
}

const externalName = ({ name, selector }: { readonly name: string; readonly selector?: LabelSelector }): string =>
  `external metric ${name}(${selectorText(selector)})`

/** A selector as upstream's messages show it: `&LabelSelector{MatchLabels:map[string]string{queue: jobs,},…}`. */
export function selectorText(selector: LabelSelector | undefined): string {
  if (selector === undefined) return 'nil'
  const labels = Object.entries(selector.matchLabels ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}: ${value},`)
    .join('')
  const expressions = (selector.matchExpressions ?? [])
    .map(
      ({ key, operator, values = [] }) =>
        `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${values.join(' ')}],},`,
    )
    .join('')
  return `&LabelSelector{MatchLabels:map[string]string{${labels}},MatchExpressions:[]LabelSelectorRequirement{${expressions}},}`
}

/** An object as upstream's messages name it: `Service default/web`. */
export function describedText({ kind, name }: CrossVersionObjectReference, namespace: string): string {
  return `${kind} ${namespace}/${name}`
}

import {
  horizontalPodAutoscalers as firstAutoscalers,
  type HorizontalPodAutoscaler as FirstAutoscaler,
} from '#api/autoscaling/v1/horizontalPodAutoscaler.ts'
import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerStatus,
} from '#api/autoscaling/v2/horizontalPodAutoscaler.ts'
import type { MetricSpec } from '#api/autoscaling/v2/metric.ts'
import type { ObjectMeta } from '#api/meta/v1/objectMeta.ts'
import { decodeValue } from '#machinery/codec/schemaDecoder.ts'
import { definitionNamed } from '#machinery/schema/load.ts'
import { isObject, type JsonObject } from '#machinery/schema/model.ts'
import { goForm } from '#resources/goForm.ts'
import type { OtherVersion } from '#server/strategy.ts'
import { metricToFirst, metricFromFirst } from './firstMetrics.ts'

// What the first version of autoscalers has no fields for travels in annotations, as JSON.
const prefix = 'autoscaling.alpha.kubernetes.io/'
const annotations = {
  metrics: `${prefix}metrics`,
  behavior: `${prefix}behavior`,
  currentMetrics: `${prefix}current-metrics`,
  conditions: `${prefix}conditions`,
} as const

const definition = 'io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler'
const cpu = 'cpu'
/** Percent of the requested cpu, where nothing is said. */
export const defaultUtilization = 80

/** The measure that the first version has a field for. */
export function cpuMetric(averageUtilization: number): MetricSpec {
  return { type: 'Resource', resource: { name: cpu, target: { type: 'Utilization', averageUtilization } } }
}

const isCpu = ({ type, resource }: MetricSpec): boolean => type === 'Resource' && resource?.name === cpu
const utilizationOf = (metric: MetricSpec): number | undefined => metric.resource?.target.averageUtilization

/** Autoscalers in v1: bounds and one target for cpu. */
export const firstVersion: OtherVersion<HorizontalPodAutoscaler, FirstAutoscaler> = {
  resource: firstAutoscalers,
  up({ metadata, spec, status }) {
    const { targetCPUUtilizationPercentage, ...common } = spec
    const noted = readNotes(metadata)
    const metrics = [
      ...(noted.metrics ?? []),
      ...(targetCPUUtilizationPercentage === undefined ? [] : [cpuMetric(targetCPUUtilizationPercentage)]),
    ]
    return {
      metadata: withNotes(metadata, {}),
      spec: {
        ...common,
        metrics: metrics.length === 0 ? [cpuMetric(defaultUtilization)] : metrics,
        ...(noted.behavior === undefined ? {} : { behavior: noted.behavior }),
      },
      ...(status === undefined ? {} : { status: statusUp(status, noted) }),
    }
  },
  down({ metadata, spec, status }) {
    const { metrics = [], behavior, ...common } = spec
    const first = metrics.find(isCpu)
    const target = first && utilizationOf(first)
    const others = metrics.filter((metric) => !isCpu(metric) || utilizationOf(metric) === undefined)
    const { currentMetrics: measured, conditions = [], ...commonStatus } = status ?? {}
    const currentMetrics = measured ?? []
    const used = currentMetrics.find(({ type, resource }) => type === 'Resource' && resource?.name === cpu)
    const percentage = used?.resource?.current.averageUtilization
    return {
      metadata: withNotes(metadata, {
        ...(others.length === 0 ? {} : { metrics: others.map((metric) => metricToFirst(metric, 'target')) }),
        ...(behavior === undefined ? {} : { behavior: goForm(`${definition}Behavior`, behavior) }),
        ...(currentMetrics.length === 0
          ? {}
          : { currentMetrics: currentMetrics.map((metric) => metricToFirst(metric, 'current')) }),
        ...(conditions.length === 0 ? {} : { conditions: conditions.map(conditionToFirst) }),
      }),
      spec: { ...common, ...(target === undefined ? {} : { targetCPUUtilizationPercentage: target }) },
      ...(status === undefined
        ? {}
        : {
            status: {
              currentReplicas: 0,
              ...(commonStatus as HorizontalPodAutoscalerStatus),
              ...(percentage === undefined ? {} : { currentCPUUtilizationPercentage: percentage }),
            },
          }),
    }
  },
}

type Notes = Pick<HorizontalPodAutoscaler['spec'], 'metrics' | 'behavior'> &
  Partial<Pick<HorizontalPodAutoscalerStatus, 'currentMetrics' | 'conditions'>>

function statusUp(
  { currentCPUUtilizationPercentage, ...common }: NonNullable<FirstAutoscaler['status']>,
  { currentMetrics, conditions }: Notes,
): HorizontalPodAutoscalerStatus {
  const used = { name: cpu, current: { averageUtilization: currentCPUUtilizationPercentage! } }
  const own = currentCPUUtilizationPercentage === undefined ? [] : [{ type: 'Resource' as const, resource: used }]
  return { ...common, currentMetrics: currentMetrics ?? own, ...(conditions === undefined ? {} : { conditions }) }
}

function conditionToFirst({
  type,
  status,
  lastTransitionTime = null as never,
  ...why
}: NonNullable<HorizontalPodAutoscalerStatus['conditions']>[number]): object {
  return { type, status, lastTransitionTime, ...why }
}

/** Metadata with these annotations, and without those that told of something before. */
function withNotes(metadata: ObjectMeta, notes: { readonly [Name in keyof typeof annotations]?: unknown }): ObjectMeta {
  const { annotations: given = {}, ...rest } = metadata
  const ours = new Set<string>(Object.values(annotations))
  const kept = Object.entries(given).filter(([name]) => !ours.has(name))
  const added = Object.entries(notes).map(([name, value]) => [
    annotations[name as keyof typeof annotations],
    JSON.stringify(value),
  ])
  const all = Object.fromEntries([...kept, ...added])
  return Object.keys(all).length === 0 && metadata.annotations === undefined ? rest : { ...rest, annotations: all }
}

/** What annotations tell. What cannot be read is left out, as upstream does. */
function readNotes({ annotations: given = {} }: ObjectMeta): Notes {
  const read = (name: keyof typeof annotations): unknown => parse(given[annotations[name]])
  const list = (value: unknown, word: 'target' | 'current'): unknown =>
    Array.isArray(value) ? value.map((metric) => metricFromFirst(metric, word)) : undefined
  return {
    ...decoded('Spec', 'metrics', list(read('metrics'), 'target')),
    ...decoded('Spec', 'behavior', lowered(read('behavior'))),
    ...decoded('Status', 'currentMetrics', list(read('currentMetrics'), 'current')),
    ...decoded('Status', 'conditions', read('conditions')),
  }
}

function parse(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text)
  } catch {
    return undefined
  }
}

/** One field as the schema has it; nothing when the value is not of its type. */
function decoded(part: 'Spec' | 'Status', field: keyof Notes, value: unknown): JsonObject {
  if (value === undefined || value === null) return {}
  const result = decodeValue(definitionNamed(definition + part), { [field]: value })
  return 'problem' in result || result.value[field] === undefined ? {} : { [field]: result.value[field] }
}

/** Behaviour is noted under Go's names; the schema's begin with a small letter. */
function lowered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(lowered)
  if (!isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, part]) => [name.charAt(0).toLowerCase() + name.slice(1), lowered(part)]),
  )
}

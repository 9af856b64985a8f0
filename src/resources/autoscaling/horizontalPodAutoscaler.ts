import {
  horizontalPodAutoscalers,
  type CrossVersionObjectReference,
  type HorizontalPodAutoscaler,
  type HorizontalPodAutoscalerSpec,
  type HPAScalingPolicy,
  type HPAScalingRules,
} from '#api/autoscaling/v2/horizontalPodAutoscaler.ts'
import type { MetricSpec, MetricStatus, MetricTarget, MetricValueStatus } from '#api/autoscaling/v2/metric.ts'
import type { Report } from '#machinery/validate/report.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import { checkNotNegative } from '#resources/quantities.ts'
import { checkAtLeast } from '#resources/rules.ts'
import { statusSubresource } from '#resources/status.ts'
import type { Strategy } from '#server/strategy.ts'
import { cpuMetric, defaultUtilization, firstVersion } from './firstVersion.ts'
import { checkMetric, checkReference, checkVersion, versionProblem } from './metricRules.ts'

const longestWindow = 3600
const longestPeriod = 1800
const selectPolicies: readonly string[] = ['Disabled', 'Max', 'Min']
const policyTypes: readonly string[] = ['Percent', 'Pods']
const mostShown = 2

/** How fast the number of pods changes where the behaviour leaves it open. */
const defaultRules = {
  scaleUp: {
    stabilizationWindowSeconds: 0,
    selectPolicy: 'Max',
    policies: [
      { type: 'Pods', value: 4, periodSeconds: 15 },
      { type: 'Percent', value: 100, periodSeconds: 15 },
    ],
  },
  scaleDown: { selectPolicy: 'Max', policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }] },
} as const

/** Horizontal pod autoscalers: as many pods as the load needs. */
export const horizontalPodAutoscalerStrategy: Strategy<HorizontalPodAutoscaler> = {
  resource: horizontalPodAutoscalers,
  versions: [firstVersion],
  reserved: ['status'],
  unconditionalUpdate: true,
  generation: false,
  columns: [
    nameColumn,
    {
      name: 'Reference',
      description: 'What is scaled.',
      value: ({ spec: { scaleTargetRef } }) => `${scaleTargetRef.kind}/${scaleTargetRef.name}`,
    },
    { name: 'Targets', description: 'What was measured, and what it should be.', value: targetsText },
    {
      name: 'MinPods',
      description: 'The least number of pods.',
      value: ({ spec }) => String(spec.minReplicas ?? '<unset>'),
    },
    { name: 'MaxPods', description: 'The greatest number of pods.', value: ({ spec }) => spec.maxReplicas },
    { name: 'Replicas', description: 'How many pods there are.', value: ({ status }) => status?.currentReplicas ?? 0 },
    ageColumn,
  ],
  subresources: { status: { ...statusSubresource, validate: checkStatus } },
  default({ spec }) {
    if ((spec.metrics ?? []).length === 0) spec.metrics = [cpuMetric(defaultUtilization)]
    if (spec.behavior === undefined) return
    for (const direction of ['scaleUp', 'scaleDown'] as const) {
      const { policies, ...rest } = defaultRules[direction]
      const defaults = { ...rest, policies: policies.map((policy) => ({ ...policy })) }
      spec.behavior[direction] = { ...defaults, ...spec.behavior[direction] }
    }
  },
  prepare({ spec }, old) {
    // An alpha feature (KEP-4951), which is off.
    for (const direction of ['scaleUp', 'scaleDown'] as const) {
      if (old?.spec.behavior?.[direction]?.tolerance === undefined) delete spec.behavior?.[direction]?.tolerance
    }
  },
  validate({ spec }, old, report) {
    checkSpec(spec, old?.spec, report.at('spec'))
  },
}

function checkSpec(
  spec: HorizontalPodAutoscalerSpec,
  old: HorizontalPodAutoscalerSpec | undefined,
  report: Report,
): void {
  const least = old?.minReplicas === 0 ? 0 : 1
  const { minReplicas, maxReplicas = 0, scaleTargetRef, metrics = [], behavior } = spec
  checkAtLeast(report.at('minReplicas'), least, minReplicas)
  if (maxReplicas < 1) report.at('maxReplicas').invalid(maxReplicas, 'must be greater than 0')
  if (minReplicas !== undefined && maxReplicas < minReplicas) {
    report.at('maxReplicas').invalid(maxReplicas, 'must be greater than or equal to `minReplicas`')
  }
  checkTarget(scaleTargetRef ?? {}, old?.scaleTargetRef, report.at('scaleTargetRef'))
  const anyVersion = old?.metrics?.some(namesNoVersion) ?? false
  for (const [index, metric] of metrics.entries()) checkMetric(metric, anyVersion, report.at('metrics', index))
  if (minReplicas === 0 && !metrics.some(({ type }) => type === 'Object' || type === 'External')) {
    const problem = 'must specify at least one Object or External metric to support scaling to zero replicas'
    report.at('metrics').forbidden(problem)
  }
  for (const direction of ['scaleUp', 'scaleDown'] as const) {
    const rules = behavior?.[direction]
    if (rules !== undefined) checkScalingRules(rules, report.at('behavior', direction))
  }
}

/** What is scaled: of the core group only replication controllers; what was there before stays. */
function checkTarget(
  target: Partial<CrossVersionObjectReference>,
  old: CrossVersionObjectReference | undefined,
  report: Report,
): void {
  checkReference(target, report)
  const isAsBefore = old !== undefined && old.apiVersion === target.apiVersion && old.kind === target.kind
  if (!isAsBefore) checkVersion(target, target.kind === 'ReplicationController', report)
}

const namesNoVersion = ({ type, object }: MetricSpec): boolean =>
  type === 'Object' && object !== undefined && versionProblem(object.describedObject, true) !== undefined

function checkScalingRules(rules: HPAScalingRules, report: Report): void {
  const { stabilizationWindowSeconds: window, selectPolicy, policies = [], tolerance } = rules
  const place = report.at('stabilizationWindowSeconds')
  if (window !== undefined && window < 0) place.invalid(window, 'must be greater than or equal to zero')
  if (window !== undefined && window > longestWindow) {
    place.invalid(window, `must be less than or equal to ${longestWindow}`)
  }
  if (selectPolicy !== undefined && !selectPolicies.includes(selectPolicy)) {
    report.at('selectPolicy').notSupported(selectPolicy, selectPolicies)
  }
  if (policies.length === 0) report.at('policies').required('must specify at least one Policy')
  for (const [index, policy] of policies.entries()) checkPolicy(policy, report.at('policies', index))
  if (tolerance !== undefined) checkNotNegative(tolerance, report.at('tolerance'))
}

function checkPolicy({ type, value = 0, periodSeconds = 0 }: Partial<HPAScalingPolicy>, report: Report): void {
  if (type === undefined || !policyTypes.includes(type)) report.at('type').notSupported(type, policyTypes)
  if (value <= 0) report.at('value').invalid(value, 'must be greater than zero')
  if (periodSeconds <= 0) report.at('periodSeconds').invalid(periodSeconds, 'must be greater than zero')
  if (periodSeconds > longestPeriod) {
    report.at('periodSeconds').invalid(periodSeconds, `must be less than or equal to ${longestPeriod}`)
  }
}

function checkStatus({ status }: HorizontalPodAutoscaler, _old: HorizontalPodAutoscaler, report: Report): void {
  for (const field of ['currentReplicas', 'desiredReplicas'] as const) {
    checkAtLeast(report.at('status', field), 0, status?.[field])
  }
}

/** The first measures: `cpu: 20%/80%, 3/10 (avg) + 1 more...`. */
function targetsText({ spec: { metrics = [] }, status }: HorizontalPodAutoscaler): string {
  if (metrics.length === 0) return '<none>'
  const all = metrics.map((metric, index) => targetText(metric, status?.currentMetrics?.[index]))
  const shown = all.slice(0, mostShown).join(', ')
  return all.length > mostShown ? `${shown} + ${all.length - mostShown} more...` : shown
}

function targetText(metric: MetricSpec, status: MetricStatus | undefined): string {
  switch (metric.type) {
    case 'External':
      return amountText(metric.external?.target, status?.external?.current)
    case 'Object':
      return amountText(metric.object?.target, status?.object?.current)
    case 'Pods':
      return `${amount(status?.pods?.current, 'averageValue')}/${metric.pods?.target.averageValue ?? '0'}`
    case 'Resource':
      return `${metric.resource?.name}: ${useText(metric.resource?.target, status?.resource?.current)}`
    case 'ContainerResource':
      return `${metric.containerResource?.name}: ${useText(metric.containerResource?.target, status?.containerResource?.current)}`
    default:
      return '<unknown type>'
  }
}

function amountText(target: MetricTarget | undefined, current: MetricValueStatus | undefined): string {
  const { averageValue, value = '0' } = target ?? {}
  if (averageValue === undefined) return `${amount(current, 'value')}/${value}`
  return `${current?.averageValue ?? '<unknown>'}/${averageValue} (avg)`
}

function useText(target: MetricTarget | undefined, current: MetricValueStatus | undefined): string {
  const { averageValue, averageUtilization } = target ?? {}
  if (averageValue !== undefined) return `${amount(current, 'averageValue')}/${averageValue}`
  const used = current?.averageUtilization
  const wanted = averageUtilization === undefined ? '<auto>' : `${averageUtilization}%`
  return `${used === undefined ? '<unknown>' : `${used}%`}/${wanted}`
}

/** What a measure is: unknown before it was looked at, nothing where that was left out. */
function amount(current: MetricValueStatus | undefined, field: 'value' | 'averageValue'): string {
  return current === undefined ? '<unknown>' : (current[field] ?? '0')
}

import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerCondition,
  HorizontalPodAutoscalerStatus,
} from '#api/autoscaling/v2/horizontalPodAutoscaler.ts'
import type { MetricStatus } from '#api/autoscaling/v2/metric.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { EventNote } from '#client/events.ts'
import { withCondition } from '#machinery/conditions.ts'
import { timeText } from '#machinery/time.ts'
import { limit, withWish, type History } from './limits.ts'
import type { Measured } from './measures.ts'
import { proposal } from './proposals.ts'
import { defaultTolerance } from './replicas.ts'

/** The target of an autoscaler, as its `scale` subresource tells. */
export interface TargetScale {
  /** How many there should be, and how many there are. */
  readonly replicas: number
  readonly present: number
  /** Labels of the pods, as in a query. */
  readonly selector: string
}

/** What is known when an autoscaler is looked at. */
export interface Situation {
  readonly scale: TargetScale
  /** What was measured for each entry of `spec.metrics`; absent when nothing had to be, a remark when nothing could be. */
  readonly measured?: readonly Measured[] | SelectorProblem
  /** Those that the target's selector picks. */
  readonly pods: readonly Pod[]
  readonly history: History
  readonly now: number
}

/** Why the pods of the target cannot be told apart from others. */
export interface SelectorProblem {
  readonly event: { readonly reason: string; readonly message: string }
  readonly condition: { readonly reason: string; readonly message: string }
}

/** What to do about an autoscaler and its target. */
export interface Decision {
  /** To how many the target is to be brought, and why. */
  readonly rescale?: { readonly replicas: number; readonly reason: string }
  readonly conditions: readonly HorizontalPodAutoscalerCondition[]
  /** Absent where nothing was measured. */
  readonly metrics?: MetricStatus[]
  /** How many there should be; absent where that could not be told: it is said as before. */
  readonly desired?: number
  readonly notes: readonly EventNote[]
  readonly history: History
  /** Why it could not be told. */
  readonly problem?: string
  /** How many each entry of `spec.metrics` asks for, undefined where that could not be told; absent where nothing was measured. */
  readonly asked?: readonly (number | undefined)[]
}

type Conditions = readonly HorizontalPodAutoscalerCondition[]

const leastOf = ({ spec }: HorizontalPodAutoscaler): number => spec.minReplicas ?? 1

/** The conditions with one more fact. */
export function withFact(
  conditions: Conditions | undefined,
  type: 'AbleToScale' | 'ScalingActive' | 'ScalingLimited',
  holds: boolean,
  { reason, message }: { readonly reason: string; readonly message: string },
  now: number,
): Conditions {
  const status = holds ? 'True' : 'False'
  return withCondition(conditions, { type, status, lastTransitionTime: timeText(now), reason, message })
}

/** Whether anything has to be measured: a target without replicas rests, one that is out of bounds is brought back. */
export function needsMeasures(autoscaler: HorizontalPodAutoscaler, { replicas }: TargetScale): boolean {
  return replicas !== 0 && replicas <= autoscaler.spec.maxReplicas && replicas >= leastOf(autoscaler)
}

/** Decides how many replicas the target of an autoscaler should have. */
export function planReplicas(autoscaler: HorizontalPodAutoscaler, situation: Situation): Decision {
  const { scale, history, now } = situation
  const { maxReplicas } = autoscaler.spec
  const conditions = withFact(
    autoscaler.status?.conditions,
    'AbleToScale',
    true,
    { reason: 'SucceededGetScale', message: "the HPA controller was able to get the target's current scale" },
    now,
  )
  const least = leastOf(autoscaler)
  const base = { conditions, notes: [], history }
  if (scale.replicas === 0) {
    const message = 'scaling is disabled since the replica count of the target is zero'
    const disabled = { reason: 'ScalingDisabled', message }
    return { ...base, conditions: withFact(conditions, 'ScalingActive', false, disabled, now), desired: 0 }
  }
  if (scale.replicas > maxReplicas) {
    const reason = 'Current number of replicas above Spec.MaxReplicas'
    return { ...base, desired: maxReplicas, rescale: { replicas: maxReplicas, reason } }
  }
  if (scale.replicas < least) {
    const reason = 'Current number of replicas below Spec.MinReplicas'
    return { ...base, desired: least, rescale: { replicas: least, reason } }
  }
  const measured = situation.measured ?? []
  if ('event' in measured) {
    const { event, condition } = measured
    return {
      ...base,
      conditions: withFact(conditions, 'ScalingActive', false, condition, now),
      notes: [warning(event.reason, event.message), failure(event.message)],
      problem: event.message,
    }
  }
  return planByMeasures(autoscaler, situation, measured, conditions)
}

function planByMeasures(
  autoscaler: HorizontalPodAutoscaler,
  { scale, pods, history, now }: Situation,
  measured: readonly Measured[],
  before: Conditions,
): Decision {
  const { metrics: specs = [], maxReplicas, behavior } = autoscaler.spec
  const target = { replicas: scale.replicas, present: scale.present, pods, tolerance: defaultTolerance, now }
  const outcomes = specs.map((spec, index) => proposal(spec, measured[index]!, target))
  // An entry that came to nothing keeps its place, without a type.
  const metrics = outcomes.map((outcome) =>
    'status' in outcome ? outcome.status : ({ type: '' } as unknown as MetricStatus),
  )
  const failed = outcomes.filter((outcome) => 'cause' in outcome)
  const asked = outcomes.map((outcome) => ('replicas' in outcome ? outcome.replicas : undefined))
  const notes: EventNote[] = failed.map(({ reason, cause }) => warning(reason, cause))
  let wished = 0
  let name = ''
  for (const outcome of outcomes) {
    if (!('replicas' in outcome) || (wished !== 0 && outcome.replicas <= wished)) continue
    wished = outcome.replicas
    name = outcome.name
  }
  const [first] = failed
  const problem =
    first === undefined
      ? undefined
      : `invalid metrics (${failed.length} invalid out of ${specs.length}), first error is: ${first.problem}`
  // What is not known may want more: only more is believed then.
  if (failed.length >= specs.length || (first !== undefined && wished < scale.replicas)) {
    const { reason = '', cause = '' } = first ?? {}
    const message = `the HPA was unable to compute the replica count: ${cause}`
    return {
      conditions: withFact(before, 'ScalingActive', false, { reason, message }, now),
      metrics,
      notes: [...notes, failure(problem ?? '')],
      history,
      problem: problem ?? '',
      asked,
    }
  }
  const found = {
    reason: 'ValidMetricFound',
    message: `the HPA was able to successfully calculate a replica count from ${name}`,
  }
  let conditions = withFact(before, 'ScalingActive', true, found, now)
  const least = leastOf(autoscaler)
  const { replicas, wish, bound } = limit({
    current: scale.replicas,
    wished,
    least,
    most: maxReplicas,
    behavior,
    history,
    now,
  })
  conditions = withFact(conditions, 'AbleToScale', true, wish, now)
  conditions = withFact(conditions, 'ScalingLimited', bound.holds, bound, now)
  const reason =
    wished > scale.replicas ? `${name} above target` : wished < scale.replicas ? 'All metrics below target' : ''
  return {
    ...(replicas === scale.replicas ? {} : { rescale: { replicas, reason } }),
    conditions,
    metrics,
    desired: replicas,
    notes,
    history: withWish(history, wished, now),
    ...(problem === undefined ? {} : { problem }),
    asked,
  }
}

/** The status after a decision; `rescaled` when the target was changed. */
export function statusAfter(
  { status }: HorizontalPodAutoscaler,
  { conditions, metrics, desired }: Pick<Decision, 'conditions' | 'metrics' | 'desired'>,
  current: number,
  rescaled: boolean,
  now: number,
): HorizontalPodAutoscalerStatus {
  const lastScaleTime = rescaled ? timeText(now) : status?.lastScaleTime
  return {
    ...(lastScaleTime === undefined ? {} : { lastScaleTime }),
    currentReplicas: current,
    desiredReplicas: desired ?? status?.desiredReplicas ?? 0,
    currentMetrics: metrics ?? null,
    conditions: [...conditions],
  }
}

export function warning(reason: string, message: string): EventNote {
  return { type: 'Warning', reason, message }
}

const failure = (message: string): EventNote => warning('FailedComputeMetricsReplicas', message)

import type { Scale } from '#api/autoscaling/v1/scale.ts'
import { horizontalPodAutoscalers, type HorizontalPodAutoscaler } from '#api/autoscaling/v2/horizontalPodAutoscaler.ts'
import { pods } from '#api/core/v1/pod.ts'
import type { Resource } from '#api/resource.ts'
import type { Controller } from '#client/controller.ts'
import { referenceTo, type EventNote } from '#client/events.ts'
import { keyOf, nameOfKey } from '#client/index.ts'
import { unlessGone } from '#client/unlessGone.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { messageOf } from '#lib/errorText.ts'
import {
  matchesRequirements,
  parseLabelSelector,
  SelectorError,
  type LabelRequirements,
} from '#machinery/labelSelector.ts'
import { isReason } from '#machinery/status.ts'
import type { ControllerContext } from '../context.ts'
import { newHistory, withChange, type History } from './limits.ts'
import type { Measured } from './measures.ts'
import { scaleAction, type Look } from './metrics.ts'
import { MetricsApis } from './metricsApis.ts'
import {
  needsMeasures,
  planReplicas,
  statusAfter,
  warning,
  withFact,
  type Decision,
  type SelectorProblem,
  type TargetScale,
} from './plan.ts'
import { ServedKinds } from './servedKinds.ts'

/** How long an autoscaler waits for each look, in milliseconds. */
const interval = 15_000
const component = 'horizontal-pod-autoscaler'
const mostTries = 5

/** What is remembered of one autoscaler between two looks. */
interface Memory {
  history?: History
  /** Which pods its target has, and the text that says so. */
  requirements?: LabelRequirements
  selector?: string
}

/** What an autoscaler says cannot be meant. */
class SpecError extends Error {}

/** The target of an autoscaler: its kind, and its scale as it was read. */
interface Found {
  readonly resource: Resource
  readonly scale: Scale
}

/** Sets the number of replicas of each autoscaler's target by what is measured. */
export function horizontalPodAutoscalerController(context: ControllerContext): Controller {
  const { client, clock, causes, informers, metrics: counts } = context
  const copies = informers.of(horizontalPodAutoscalers)
  const podCopies = informers.of(pods)
  const events = context.events.recorder(component)
  const kinds = new ServedKinds(client, clock)
  const apis = new MetricsApis(client, kinds)
  const memories = new Map<string, Memory>()

  const findTarget = async ({ metadata, spec }: HorizontalPodAutoscaler, signal: AbortSignal): Promise<Found> => {
    const { apiVersion = '', kind, name } = spec.scaleTargetRef
    const parts = apiVersion.split('/')
    if (parts.length > 2) throw new SpecError(`unexpected GroupVersion string: ${apiVersion}`)
    const group = parts.length === 2 ? parts[0]! : ''
    const found = await kinds.find(group, kind, signal)
    if (found.length === 0)
      throw new Error(`no matches for kind ${JSON.stringify(kind)} in group ${JSON.stringify(group)}`)
    const at = { name, namespace: metadata.namespace ?? '' }
    let first: unknown
    // A kind may have a scale in one version and none in another.
    for (const resource of found) {
      try {
        return { resource, scale: await client.getSubresource<Scale>(resource, at, 'scale', { signal }) }
      } catch (error) {
        signal.throwIfAborted()
        first ??= error
      }
    }
    throw first
  }

  /** Reads a target's selector; nothing can be measured by one that is missing, broken, or shared with others. */
  const readSelector = (key: string, memory: Memory, selector: string): LabelRequirements | SelectorProblem => {
    const invalid = (event: string, message: string, told = message): SelectorProblem => ({
      event: { reason: event, message },
      condition: { reason: 'InvalidSelector', message: told },
    })
    if (selector === '') {
      return invalid('SelectorRequired', 'selector is required', "the HPA target's scale is missing a selector")
    }
    let requirements = memory.selector === selector ? memory.requirements : undefined
    try {
      requirements ??= parseLabelSelector(selector)
    } catch (error) {
      if (!(error instanceof SelectorError)) throw error
      return invalid(
        'InvalidSelector',
        `couldn't convert selector into a corresponding internal selector object: ${error.message}`,
      )
    }
    memory.requirements = requirements
    memory.selector = selector
    const rivals = rivalsOf(key, requirements)
    if (rivals.length === 0) return requirements
    const all = [key, ...rivals].sort().join(' ')
    const message = `pods by selector ${selector} are controlled by multiple HPAs: [${all}]`
    const ambiguous = { reason: 'AmbiguousSelector', message }
    return { event: ambiguous, condition: ambiguous }
  }

  const podsOf = (namespace: string, requirements: LabelRequirements) =>
    podCopies.list({ namespace, matches: ({ metadata }) => matchesRequirements(requirements, metadata.labels) })

  /** Other autoscalers of the namespace that count some of the same pods. */
  const rivalsOf = (key: string, requirements: LabelRequirements): string[] => {
    const { namespace = '' } = nameOfKey(key)
    const others = [...memories].filter(
      ([other, memory]) =>
        other !== key &&
        memory.requirements !== undefined &&
        !areDisjoint(requirements, memory.requirements) &&
        nameOfKey(other).namespace === namespace,
    )
    if (others.length === 0) return []
    const own = podsOf(namespace, requirements)
    return others
      .filter(([, memory]) => own.some(({ metadata }) => matchesRequirements(memory.requirements!, metadata.labels)))
      .map(([other]) => other)
  }

  /** False when somebody else wrote it meanwhile. */
  const writeStatus = async (
    autoscaler: HorizontalPodAutoscaler,
    status: NonNullable<HorizontalPodAutoscaler['status']>,
    signal: AbortSignal,
  ): Promise<boolean> => {
    if (sameJson(withoutNulls(status), withoutNulls(autoscaler.status ?? {}))) return true
    try {
      await unlessGone(client.updateStatus(horizontalPodAutoscalers, { ...autoscaler, status }, { signal }))
      return true
    } catch (error) {
      signal.throwIfAborted()
      tell(autoscaler, [warning('FailedUpdateStatus', messageOf(error))])
      if (!isReason(error, 'Conflict')) throw error
      return false
    }
  }

  const tell = (autoscaler: HorizontalPodAutoscaler, notes: readonly EventNote[]): void => {
    if (notes.length === 0) return
    const about = referenceTo(horizontalPodAutoscalers, autoscaler)
    for (const note of notes) events.record(about, note)
  }

  /** Records why nothing is done about an autoscaler; undefined when there is no reason left. */
  const explain = (autoscaler: HorizontalPodAutoscaler, reason: string, message: string | undefined): void => {
    const subject = { kind: horizontalPodAutoscalers.kind, ...autoscaler.metadata }
    if (message === undefined) causes.clear(subject, component)
    else causes.record(subject, component, { reason, message })
  }

  /** Sets the number of replicas; somebody else's change of the target in between is no hindrance. */
  const rescale = async (target: Found, replicas: number, signal: AbortSignal): Promise<void> => {
    let { scale } = target
    const at = { name: scale.metadata.name, namespace: scale.metadata.namespace ?? '' }
    for (let tried = 1; ; tried++) {
      try {
        const body = { ...scale, spec: { ...scale.spec, replicas } }
        await client.updateSubresource<Scale>(target.resource, at, 'scale', body, { signal })
        return
      } catch (error) {
        if (!isReason(error, 'Conflict') || tried >= mostTries) throw error
        scale = await client.getSubresource<Scale>(target.resource, at, 'scale', { signal })
      }
    }
  }

  const lookAt = async (key: string, autoscaler: HorizontalPodAutoscaler, signal: AbortSignal): Promise<Look> => {
    const memory = memories.get(key)!
    const { namespace = '' } = autoscaler.metadata
    let target: Found
    try {
      target = await findTarget(autoscaler, signal)
    } catch (error) {
      signal.throwIfAborted()
      const why = messageOf(error)
      tell(autoscaler, [warning('FailedGetScale', why)])
      const message = `the HPA controller was unable to get the target's current scale: ${why}`
      explain(autoscaler, 'FailedGetScale', message)
      const fact = { reason: 'FailedGetScale', message }
      const conditions = withFact(autoscaler.status?.conditions, 'AbleToScale', false, fact, clock.now())
      const status = {
        desiredReplicas: 0,
        currentMetrics: null,
        ...autoscaler.status,
        conditions: [...conditions],
      }
      await writeStatus(autoscaler, status, signal)
      return { action: 'none', error: error instanceof SpecError ? 'spec' : 'internal' }
    }
    const scale: TargetScale = {
      replicas: target.scale.spec?.replicas ?? 0,
      present: target.scale.status?.replicas ?? 0,
      selector: target.scale.status?.selector ?? '',
    }
    const history = (memory.history ??= newHistory(scale.replicas, clock.now()))
    let measured: readonly Measured[] | SelectorProblem | undefined
    let requirements: LabelRequirements | undefined
    const began = clock.now()
    /** How many milliseconds each measure took. */
    const took: number[] = []
    if (needsMeasures(autoscaler, scale)) {
      const selector = readSelector(key, memory, scale.selector)
      if ('event' in selector) measured = selector
      else {
        requirements = selector
        const question = { namespace, selector: scale.selector }
        measured = await apis.measure(autoscaler.spec.metrics ?? [], question, signal, (index) => {
          took[index] = clock.now() - began
        })
      }
    }
    const now = clock.now()
    const decision = planReplicas(autoscaler, {
      scale,
      pods: requirements === undefined ? [] : podsOf(namespace, requirements),
      history,
      now,
      ...(measured === undefined ? {} : { measured }),
    })
    memory.history = decision.history
    tell(autoscaler, decision.notes)
    explain(autoscaler, 'FailedComputeMetricsReplicas', decision.problem)
    countMeasures(autoscaler, decision, took)
    return carryOut(autoscaler, target, scale, decision, memory, signal)
  }

  const countMeasures = (
    { spec, status }: HorizontalPodAutoscaler,
    { asked = [] }: Decision,
    took: readonly number[],
  ) => {
    for (const [index, { type }] of (spec.metrics ?? []).entries()) {
      if (index >= asked.length) return
      const replicas = asked[index]
      const look: Look =
        replicas === undefined
          ? { action: 'none', error: 'internal' }
          : { action: scaleAction(status?.currentReplicas ?? 0, replicas), error: 'none' }
      counts.autoscalers.computed(look, type, took[index] ?? 0)
    }
  }

  const carryOut = async (
    autoscaler: HorizontalPodAutoscaler,
    target: Found,
    { replicas: current }: TargetScale,
    decision: Decision,
    memory: Memory,
    signal: AbortSignal,
  ): Promise<Look> => {
    const now = clock.now()
    const { rescale: wanted, conditions, metrics, problem } = decision
    if (wanted === undefined) {
      const isWritten = await writeStatus(autoscaler, statusAfter(autoscaler, decision, current, false, now), signal)
      return { action: 'none', error: isWritten && problem === undefined ? 'none' : 'internal' }
    }
    try {
      await rescale(target, wanted.replicas, signal)
    } catch (error) {
      signal.throwIfAborted()
      const why = messageOf(error)
      tell(autoscaler, [
        warning('FailedRescale', `New size: ${wanted.replicas}; reason: ${wanted.reason}; error: ${why}`),
      ])
      const message = `the HPA controller was unable to update the target scale: ${why}`
      explain(autoscaler, 'FailedUpdateScale', message)
      const failed = withFact(conditions, 'AbleToScale', false, { reason: 'FailedUpdateScale', message }, now)
      const after = { conditions: failed, ...(metrics === undefined ? {} : { metrics }) }
      await writeStatus(autoscaler, statusAfter(autoscaler, after, current, false, now), signal)
      return { action: 'none', error: 'internal' }
    }
    const message = `the HPA controller was able to update the target scale to ${wanted.replicas}`
    const done = withFact(conditions, 'AbleToScale', true, { reason: 'SucceededRescale', message }, now)
    tell(autoscaler, [
      {
        type: 'Normal',
        reason: 'SuccessfulRescale',
        message: `New size: ${wanted.replicas}; reason: ${wanted.reason}`,
      },
    ])
    if (autoscaler.spec.behavior !== undefined) {
      memory.history = withChange(memory.history!, current, wanted.replicas, now)
    }
    const status = statusAfter(autoscaler, { ...decision, conditions: done }, current, true, now)
    const isWritten = await writeStatus(autoscaler, status, signal)
    const action = scaleAction(current, wanted.replicas)
    return { action, error: isWritten && problem === undefined ? 'none' : 'internal' }
  }

  return {
    name: 'horizontal-pod-autoscaler-controller',
    queue: 'horizontalpodautoscaler',
    account: 'horizontal-pod-autoscaler',
    permissions: [
      { groups: ['autoscaling'], resources: ['horizontalpodautoscalers'], verbs: ['get', 'list', 'watch'] },
      { groups: ['autoscaling'], resources: ['horizontalpodautoscalers/status'], verbs: ['update'] },
      { groups: ['*'], resources: ['*/scale'], verbs: ['get', 'update'] },
      { groups: [''], resources: ['pods'], verbs: ['list', 'watch'] },
      { groups: ['metrics.k8s.io'], resources: ['pods'], verbs: ['list'] },
      { groups: ['custom.metrics.k8s.io', 'external.metrics.k8s.io'], resources: ['*'], verbs: ['get', 'list'] },
    ],
    watch(on) {
      on(copies, ({ metadata }) => [keyOf(metadata)])
    },
    async reconcile(key, signal) {
      const autoscaler = copies.get(key)
      if (autoscaler === undefined) {
        memories.delete(key)
        return undefined
      }
      if (memories.has(key)) {
        const started = clock.now()
        let look: Look = { action: 'none', error: 'internal' }
        try {
          look = await lookAt(key, autoscaler, signal)
        } finally {
          counts.autoscalers.looked(look, clock.now() - started)
        }
      } else memories.set(key, {})
      // Whatever changes is looked at with the next look: each waits for the whole interval.
      return { after: interval, quiet: interval }
    },
  }
}

/** Whether no object can suit both: one label would have to have two values. */
function areDisjoint(requirements: LabelRequirements, others: LabelRequirements): boolean {
  return requirements.some(
    ({ key, operator, values }) =>
      operator === '=' &&
      others.some((other) => other.operator === '=' && other.key === key && other.values[0] !== values[0]),
  )
}

/** What is not there and what is null are the same to the API. */
function withoutNulls(status: object): object {
  return Object.fromEntries(Object.entries(status).filter(([, value]) => value !== null))
}

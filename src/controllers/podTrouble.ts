import type { Container } from '#api/core/v1/container.ts'
import type { ContainerStatus } from '#api/core/v1/containerStatus.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { Cause } from '#client/causes.ts'
import { conditionOf } from '#machinery/conditions.ts'
import { millisecondsOf } from '#machinery/time.ts'
import { isActive, isReady } from './podAvailability.ts'

/** Why a pod does not become what its owner needs it to be, or when that will be known. */
export interface PodTrouble {
  readonly cause?: Cause
  /** Look again then: what takes longer than it should has no event of its own. */
  readonly recheckAt?: number
}

/** Waiting for these is the usual way of a start. */
const usualWaits = new Set(['ContainerCreating', 'PodInitializing'])
/** A start that takes longer than this waits for something: a volume, an address, a sandbox. In milliseconds. */
const longestCreation = 15_000
/** A container may be not ready for so long beyond what its probes may take. In milliseconds. */
const readyPatience = 5_000

/** What would change it, by the reason of the trouble. */
const remedies: Readonly<Record<string, string>> = {
  ErrImagePull: 'Correct the name of the image, or give the pod credentials for its registry (imagePullSecrets)',
  ImagePullBackOff: 'Correct the name of the image, or give the pod credentials for its registry (imagePullSecrets)',
  InvalidImageName: 'Correct the name of the image',
  ErrImageNeverPull: 'Bring the image to the node, or let it be pulled (imagePullPolicy)',
  CreateContainerConfigError:
    'Create the ConfigMap, Secret or key that the container refers to, or correct its security context',
  RunContainerError: 'Correct the command of the container',
}

/** Whether something is wrong with a pod that will not pass by waiting, as far as its status alone tells. */
export function isInTrouble(pod: Pod): boolean {
  return isActive(pod) && !isReady(pod) && evidentTrouble(pod) !== undefined
}

/**
 * What is wrong with a pod that is not ready: a place that there is not, an image, a configuration, a process that ends, a
 * start or a readiness that does not come. `recorded` is what other components say of the pod, which goes before what its
 * status lets one guess. Undefined for a pod that is ready, ends, or has all it needs and is on its way.
 */
export function podTrouble(pod: Pod, recorded: readonly Cause[], now: number): PodTrouble | undefined {
  if (!isActive(pod) || isReady(pod)) return undefined
  const evident = evidentTrouble(pod)
  if (evident !== undefined) {
    const told = evident.reason === 'Unschedulable' ? recorded[0] : undefined
    return {
      cause: told === undefined ? evident : { ...told, ...wordsOf(pod, told.message), involves: involved(pod, told) },
    }
  }
  return lateTrouble(pod, recorded[0], now)
}

/**
 * The trouble of the pods of a rollout that tells most: the first in their order, and how many more have the same. `most`
 * pods are looked at, since one bad template makes all of them fail alike.
 */
export function rolloutTrouble(
  pods: readonly Pod[],
  causesOf: (pod: Pod) => readonly Cause[],
  now: number,
  most = 100,
): PodTrouble | undefined {
  let cause: Cause | undefined
  let recheckAt = Infinity
  let alike = 0
  for (const pod of pods.slice(0, most)) {
    const trouble = podTrouble(pod, causesOf(pod), now)
    if (trouble?.recheckAt !== undefined) recheckAt = Math.min(recheckAt, trouble.recheckAt)
    if (trouble?.cause === undefined) continue
    if (cause === undefined) cause = trouble.cause
    else if (cause.reason === trouble.cause.reason) alike++
  }
  if (cause === undefined && recheckAt === Infinity) return undefined
  const others = alike === 0 ? '' : ` (and ${alike} ${alike === 1 ? 'pod' : 'pods'} more)`
  return {
    ...(cause === undefined ? {} : { cause: { ...cause, message: `${cause.message}${others}` } }),
    ...(recheckAt === Infinity ? {} : { recheckAt }),
  }
}

/** What a status says outright. */
function evidentTrouble(pod: Pod): Cause | undefined {
  const { status = {} } = pod
  const scheduled = conditionOf(status.conditions, 'PodScheduled')
  if (scheduled?.status === 'False') {
    const { reason = 'Unschedulable', message = '' } = scheduled
    const remedy = reason === 'SchedulingGated' ? 'Remove its scheduling gates' : undefined
    return causeOf(pod, reason, `Pod "${pod.metadata.name}" has no node: ${message}`, remedy)
  }
  for (const container of [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])]) {
    const found = containerTrouble(pod, container)
    if (found !== undefined) return found
  }
  return undefined
}

function containerTrouble(pod: Pod, { name, state = {}, lastState = {}, ready }: ContainerStatus): Cause | undefined {
  const where = `container "${name}" of pod "${pod.metadata.name}"`
  const ended = state.terminated ?? lastState.terminated
  const logs = `Read what it said: kubectl logs ${pod.metadata.name} -n ${pod.metadata.namespace} -c ${name} --previous`
  const { waiting } = state
  if (waiting?.reason === 'CrashLoopBackOff') {
    const how = ended === undefined ? '' : `, last with ${endOf(ended)}`
    return causeOf(pod, waiting.reason, `The ${where} ends again and again${how}`, logs)
  }
  if (waiting?.reason !== undefined && !usualWaits.has(waiting.reason)) {
    const { reason, message = '' } = waiting
    return causeOf(pod, reason, `The ${where} cannot start: ${message === '' ? reason : message}`, remedies[reason])
  }
  if (!ready && ended !== undefined && ended.exitCode !== 0) {
    return causeOf(pod, 'ContainerFailed', `The ${where} ended with ${endOf(ended)}`, logs)
  }
  return undefined
}

/** What takes longer than it should. */
function lateTrouble(pod: Pod, recorded: Cause | undefined, now: number): PodTrouble | undefined {
  const { status = {}, spec } = pod
  const begun = millisecondsOf(status.startTime)
  const creating = status.containerStatuses?.find(({ state }) => usualWaits.has(state?.waiting?.reason ?? ''))
  const isInitializing = status.initContainerStatuses?.some(({ state }) => state?.running !== undefined)
  if (creating !== undefined && begun !== undefined && isInitializing !== true) {
    const at = begun + longestCreation
    if (now < at) return { recheckAt: at }
    if (recorded !== undefined)
      return { cause: { ...recorded, ...wordsOf(pod, recorded.message), involves: involved(pod, recorded) } }
    const what =
      (spec.volumes ?? []).length > 0 ? 'its volumes, its network or its sandbox' : 'its network or its sandbox'
    const message = `Pod "${pod.metadata.name}" has waited since ${status.startTime} for ${what}`
    return { cause: causeOf(pod, 'ContainerCreating', message, `See kubectl describe pod ${pod.metadata.name}`) }
  }
  let recheckAt = Infinity
  for (const { name, state, ready, started } of status.containerStatuses ?? []) {
    const startedAt = millisecondsOf(state?.running?.startedAt)
    const container = spec.containers.find((each) => each.name === name)
    if (ready || startedAt === undefined || container === undefined) continue
    const at = startedAt + patienceFor(container, started === false)
    if (now < at) recheckAt = Math.min(recheckAt, at)
    else {
      const probe = started === false ? 'startup' : 'readiness'
      const message = `The container "${name}" of pod "${pod.metadata.name}" runs since ${state!.running!.startedAt}, and its ${probe} probe has not succeeded`
      const remedy = `See what its ${probe} probe asks for, and kubectl describe pod ${pod.metadata.name}`
      return { cause: causeOf(pod, 'NotReady', message, remedy) }
    }
  }
  return recheckAt === Infinity ? undefined : { recheckAt }
}

/** How long probes may take to let a container be ready when all is well, in milliseconds. */
function patienceFor({ startupProbe, readinessProbe }: Container, isStarting: boolean): number {
  const probe = isStarting ? startupProbe : readinessProbe
  const { initialDelaySeconds = 0, periodSeconds = 10, failureThreshold = 3 } = probe ?? {}
  const tries = isStarting ? failureThreshold : 1
  return (initialDelaySeconds + periodSeconds * tries) * 1_000 + readyPatience
}

function endOf({ exitCode, signal, reason = '' }: { exitCode: number; signal?: number; reason?: string }): string {
  const why = reason === '' || reason === 'Error' || reason === 'Completed' ? '' : ` (${reason})`
  return signal === undefined || signal === 0 ? `exit code ${exitCode}${why}` : `signal ${signal}${why}`
}

function wordsOf(pod: Pod, message: string): { readonly message: string } {
  return { message: `Pod "${pod.metadata.name}": ${message}` }
}

function involved({ metadata: { name, namespace } }: Pod, cause?: Cause): NonNullable<Cause['involves']> {
  return [{ kind: 'Pod', name, ...(namespace === undefined ? {} : { namespace }) }, ...(cause?.involves ?? [])]
}

function causeOf(pod: Pod, reason: string, message: string, remedy?: string): Cause {
  return { reason, message, ...(remedy === undefined ? {} : { remedy }), involves: involved(pod) }
}

import type { Container, EphemeralContainer } from '#api/core/v1/container.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { PodStatus } from '#api/core/v1/podStatus.ts'
import type { ObservedContainer, ObservedPod } from '../runtime/containerRuntime.ts'
import { planEnding } from './planEnding.ts'
import { Steps, type PodAction } from './podAction.ts'
import type { PodMemory } from './podMemory.ts'
import { completedMessage, isInProgress, mustRestart, runsToResize } from './resize.ts'
import { computePodStatus, deadlineOf } from './podStatus.ts'
import { hashOfContainer, isSidecar, viewOf, type PodView } from './podView.ts'
import {
  backoffKey,
  backoffSince,
  crashLoopShownFrom,
  podText,
  restartAt,
  shouldRestart,
  type RestartBackoff,
} from './restarts.ts'

/** What should be done for one pod now, and what is to be said of it meanwhile. */
export interface PodPlan {
  readonly actions: readonly PodAction[]
  readonly status: PodStatus
  /** The pod is being brought to its end. */
  readonly isEnding: boolean
  /** Look again then even if nothing changes. */
  readonly recheckAt?: number
}

/**
 * Decides what to do next for one pod. It looks at nothing but its arguments, so every case is one row in a test.
 *
 * A fresh pod takes three looks: mount volumes; create the sandbox while images are pulled; start containers.
 * Each step leaves the world in a state from which the next look goes on, also in another process after a crash.
 */
export function planPod(pod: Pod, observed: ObservedPod, now: number, memory: PodMemory): PodPlan {
  const { show, ...plan } = planActions(pod, observed, now, memory)
  return { ...plan, status: show() }
}

/** As `planPod`, with a status that is made when it is asked for. */
export function planActions(
  pod: Pod,
  observed: ObservedPod,
  now: number,
  memory: PodMemory,
): Omit<PodPlan, 'status'> & { readonly show: () => PodStatus } {
  const view = viewOf(pod, observed)
  const computed = computePodStatus(pod, observed, now, memory)
  const { isEnding, failure, startTime } = computed
  const steps = new Steps()
  const mustEnd = pod.metadata.deletionTimestamp !== undefined || isEnding
  if (mustEnd) {
    planEnding(pod, view, observed, now, memory, failure, steps)
  } else {
    planRunning(pod, view, now, memory, steps)
    if (isInProgress(pod) && !isInProgress({ ...pod, status: computed.status })) {
      const message = completedMessage(pod)
      steps.add({ do: 'recordEvent', type: 'Normal', reason: 'ResizeCompleted', message })
    }
    steps.recheck(deadlineOf(pod, startTime))
  }
  const { actions, recheckAt } = steps
  return { actions, show: () => computed.status, isEnding: mustEnd, ...(recheckAt === undefined ? {} : { recheckAt }) }
}

function planRunning(pod: Pod, view: PodView, now: number, memory: PodMemory, steps: Steps): void {
  if (!memory.volumesMounted) return planOnce('volumes', { do: 'mountVolumes' }, now, memory, steps)
  const wanted = planContainers(pod, view, now, memory, steps)
  if (view.sandbox === undefined) return planSandbox(view, wanted, now, memory, steps)
  planResize(pod, view, now, memory, steps)
  for (const container of wanted) if (!planStart(container, view, now, memory, steps)) break
  for (const container of pod.spec.ephemeralContainers ?? []) {
    if (view.runs(container.name).length === 0) planStart(container, view, now, memory, steps)
  }
  removeOldRuns(pod, view, steps)
}

/** Sandbox and images at the same time: neither needs the other, and both take long. */
function planSandbox(view: PodView, wanted: readonly Container[], now: number, memory: PodMemory, steps: Steps): void {
  const newest = view.newestSandbox
  if (newest !== undefined && (newest.ready || view.alive.length > 0)) {
    const message = 'Pod sandbox changed, it will be killed and re-created.'
    steps.add({ do: 'recordEvent', type: 'Normal', reason: 'SandboxChanged', message })
    steps.add({ do: 'stopSandbox', id: newest.id })
    return
  }
  const attempt = newest === undefined ? 0 : newest.attempt + 1
  for (const container of wanted) {
    if (!memory.images.has(container.name) && !isRetryLater(container.name, now, memory)) {
      steps.add({ do: 'pullImage', container: container.name })
    }
  }
  planOnce('sandbox', { do: 'createSandbox', attempt }, now, memory, steps)
}

function planOnce(what: 'volumes' | 'sandbox', action: PodAction, now: number, memory: PodMemory, steps: Steps): void {
  const notBefore = memory.retryAt[what]
  if (notBefore !== undefined && notBefore > now) steps.recheck(notBefore)
  else steps.add(action)
}

/** Stops containers that must not go on as they are, and returns those that should be started now, in order. */
function planContainers(pod: Pod, view: PodView, now: number, memory: PodMemory, steps: Steps): readonly Container[] {
  const wanted: Container[] = []
  const initialized = pod.spec.containers.some((container) => view.current(container.name) !== undefined)
  for (const [index, container] of (pod.spec.initContainers ?? []).entries()) {
    const run = view.current(container.name)
    const passed = initialized || hasLaterRun(pod, view, index)
    if (isSidecar(container)) {
      if (run === undefined || isOver(run)) {
        if (mayStart(pod, container, view, run, now, memory, steps)) wanted.push(container)
        if (!passed) return wanted
      } else {
        stopIfUnfit(pod, container, view, run, memory, steps)
        if (!passed && !isStarted(container, run, memory)) return wanted
      }
      continue
    }
    if (initialized) continue
    if (run === undefined || isOver(run)) {
      if (run?.state === 'exited' && run.exitCode === 0) continue
      if (mayStart(pod, container, view, run, now, memory, steps)) wanted.push(container)
    }
    return wanted
  }
  for (const container of pod.spec.containers) {
    const run = view.current(container.name)
    if (run !== undefined && !isOver(run)) stopIfUnfit(pod, container, view, run, memory, steps)
    else if (mayStart(pod, container, view, run ?? endedElsewhere(view, container), now, memory, steps)) {
      wanted.push(container)
    }
  }
  return wanted
}

/** A run in an earlier sandbox still tells whether the container is done for good. */
function endedElsewhere(view: PodView, container: Container): ObservedContainer | undefined {
  return view.runs(container.name).find((run) => run.state === 'exited')
}

function hasLaterRun(pod: Pod, view: PodView, index: number): boolean {
  return (pod.spec.initContainers ?? []).slice(index + 1).some((later) => view.current(later.name) !== undefined)
}

/** Whether a run will do nothing more. One that was made but never started is as good as over: its maker is gone. */
function isOver(run: ObservedContainer): boolean {
  return run.state === 'exited' || run.state === 'created'
}

/** Those after a sidecar wait until its startup probe, if it has one, succeeded. */
function isStarted(container: Container, run: ObservedContainer, memory: PodMemory): boolean {
  return container.startupProbe === undefined || memory.probes.get(run.id)?.startup === 'success'
}

/** Whether the restart policy and the back-off allow a start now. */
function mayStart(
  pod: Pod,
  container: Container,
  view: PodView,
  ended: ObservedContainer | undefined,
  now: number,
  memory: PodMemory,
  steps: Steps,
): boolean {
  if (isRetryLater(container.name, now, memory)) {
    steps.recheck(memory.failures.get(container.name)!.retryAt)
    return false
  }
  const hash = hashOfContainer(container)
  if (ended === undefined || ended.state === 'created' || ended.hash !== hash) return true
  if (!shouldRestart(pod, container, ended)) return false
  const backoff = memory.backoffs.get(backoffKey(container.name, hash))
  const since = countedFrom(view, ended, backoff, memory)
  const at = since === undefined ? undefined : restartAt(backoff, since, now)
  if (since === undefined || at === undefined) return true
  const shownFrom = crashLoopShownFrom(backoff!, since)
  if (now < shownFrom) steps.recheck(shownFrom)
  else if (!isShownAsCrashLoop(pod, container.name)) {
    const message = `Back-off restarting failed container ${container.name} in pod ${podText(pod)}`
    steps.add({ do: 'recordEvent', container: container.name, type: 'Warning', reason: 'BackOff', message })
  }
  steps.recheck(at)
  return false
}

/** `backoffSince` of a run among those that the runtime still knows. */
function countedFrom(
  view: PodView,
  ended: ObservedContainer,
  backoff: RestartBackoff | undefined,
  memory: PodMemory,
): number | undefined {
  const runs = view.runs(ended.name)
  return backoffSince(ended, runs[runs.indexOf(ended) + 1], memory.stopped.has(ended.id), backoff)
}

function isRetryLater(name: string, now: number, memory: PodMemory): boolean {
  return (memory.failures.get(name)?.retryAt ?? 0) > now
}

function isShownAsCrashLoop(pod: Pod, name: string): boolean {
  const { containerStatuses = [], initContainerStatuses = [] } = pod.status ?? {}
  const shown = [...containerStatuses, ...initContainerStatuses].find((status) => status.name === name)
  return shown?.state?.waiting?.reason === 'CrashLoopBackOff'
}

/** Gives running containers what was agreed on; those that must begin anew for it get it when they do. */
function planResize(pod: Pod, view: PodView, now: number, memory: PodMemory, steps: Steps): void {
  const runs = runsToResize(pod, view, memory).filter(({ run }) => !memory.stopping.has(run.id))
  if (runs.length === 0) return
  const { error } = memory.resize
  if (error !== undefined && error.retryAt > now) return steps.recheck(error.retryAt)
  const changed = runs.filter(({ container, inForce }) => !mustRestart(container, inForce))
  steps.add({ do: 'resize', runs: changed.map(({ run: { id, name } }) => ({ id, name })) })
}

/** Starts a container once its image is there. Returns whether the containers after it may go on. */
function planStart(
  container: Container | EphemeralContainer,
  view: PodView,
  now: number,
  memory: PodMemory,
  steps: Steps,
): boolean {
  const { name } = container
  const image = memory.images.get(name)
  if (image === undefined) {
    if (isRetryLater(name, now, memory)) steps.recheck(memory.failures.get(name)!.retryAt)
    else steps.add({ do: 'pullImage', container: name })
    return false
  }
  if (image.is === 'pulling') return false
  const before = view.runs(name)[0]
  const backoff = memory.backoffs.get(backoffKey(name, hashOfContainer(container)))
  const endedAt = before === undefined ? undefined : countedFrom(view, before, backoff, memory)
  steps.add({
    do: 'startContainer',
    name,
    attempt: before === undefined ? 0 : before.attempt + 1,
    imageRef: image.ref,
    ...(endedAt === undefined ? {} : { endedAt }),
  })
  return true
}

/** Stops a running container whose probes failed, whose image was changed, that must begin anew to be resized, or of which the runtime lost track. */
function stopIfUnfit(
  pod: Pod,
  container: Container,
  view: PodView,
  run: ObservedContainer,
  memory: PodMemory,
  steps: Steps,
): void {
  if (memory.stopping.has(run.id)) return
  const verdicts = memory.probes.get(run.id)
  const policy = container.restartPolicy ?? pod.spec.restartPolicy ?? 'Always'
  const restarted = policy === 'Never' ? '' : ', will be restarted'
  const podGrace = pod.spec.terminationGracePeriodSeconds ?? 30
  const stop = (why: string, graceSeconds: number): void =>
    steps.add({ do: 'stopContainer', id: run.id, name: container.name, graceSeconds, why })
  if (run.state === 'unknown') stop('Container is in unknown state, try killing it before restart', podGrace)
  else if (run.hash !== hashOfContainer(container)) {
    stop(`Container ${container.name} definition changed, will be restarted`, podGrace)
  } else if (verdicts?.startup === 'failure') {
    const grace = container.startupProbe?.terminationGracePeriodSeconds ?? podGrace
    stop(`Container ${container.name} failed startup probe${restarted}`, grace)
  } else if (verdicts?.liveness === 'failure') {
    const grace = container.livenessProbe?.terminationGracePeriodSeconds ?? podGrace
    stop(`Container ${container.name} failed liveness probe${restarted}`, grace)
  } else {
    const resized = runsToResize(pod, view, memory).find((each) => each.run === run)
    if (resized === undefined || !mustRestart(container, resized.inForce)) return
    stop(`Container ${container.name} resize requires restart`, podGrace)
  }
}

/** Of each container the newest run and the one before it are kept: for its status and for `logs --previous`. */
function removeOldRuns(pod: Pod, view: PodView, steps: Steps): void {
  for (const container of [...(pod.spec.initContainers ?? []), ...pod.spec.containers]) {
    for (const run of view.runs(container.name).slice(2)) {
      if (run.state !== 'running') steps.add({ do: 'removeContainer', id: run.id })
    }
  }
}

import type { RecursiveReadOnlyMode } from '#api/core/v1/container.ts'
import type { Container } from '#api/core/v1/container.ts'
import type { ContainerState, ContainerStatus } from '#api/core/v1/containerStatus.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import { timeText } from '#machinery/time.ts'
import type { ObservedContainer } from '../runtime/containerRuntime.ts'
import type { PodMemory } from './podMemory.ts'
import { hashOfContainer, isSidecar, type PodView } from './podView.ts'
import { resourcesInForce } from './resize.ts'
import { backoffKey, crashLoopShownFrom, endOf, goDuration, podText, restartAt, shouldRestart } from './restarts.ts'

/** The statuses of a pod's containers in the order of the spec. `afterInit` names what they wait for first. */
export function containerStatuses(
  pod: Pod,
  view: PodView,
  containers: readonly Container[],
  old: readonly ContainerStatus[] | undefined,
  now: number,
  memory: PodMemory,
  afterInit: boolean,
): ContainerStatus[] {
  const isInit = containers === pod.spec.initContainers
  return containers.map((container) => {
    const before = old?.find((status) => status.name === container.name)
    const [newest, previous] = view.runs(container.name)
    const base =
      newest === undefined
        ? statusWithoutRun(pod, container, before, memory, afterInit)
        : statusOfRun(container, newest, previous, before, memory)
    const status = withWaiting(pod, container, newest, base, now, memory)
    return withReadiness(container, isInit, newest, status, memory)
  })
}

/** Ephemeral containers are never restarted and never ready; one that the runtime has cleaned away stays as it ended. */
export function ephemeralContainerStatuses(pod: Pod, view: PodView, memory: PodMemory): ContainerStatus[] {
  const old = pod.status?.ephemeralContainerStatuses
  return (pod.spec.ephemeralContainers ?? []).map((container) => {
    const [run] = view.runs(container.name)
    if (run !== undefined) return statusOfRun(container, run, undefined, undefined, memory)
    const before = old?.find((status) => status.name === container.name)
    const status = statusWithoutRun(pod, container, before, memory, false)
    const failure = memory.failures.get(container.name)
    if (failure === undefined || status.state?.terminated !== undefined) return status
    return { ...status, state: { waiting: { reason: failure.reason, message: failure.message } } }
  })
}

/** What became of a wish in the container. */
function resolved(wish: RecursiveReadOnlyMode | undefined, isKnown: boolean): RecursiveReadOnlyMode {
  if (wish === 'IfPossible') return isKnown ? 'Enabled' : 'Disabled'
  return wish ?? 'Disabled'
}

function blankStatus(container: Container, { node }: PodMemory): ContainerStatus {
  const mounts = (container.volumeMounts ?? []).map(({ name, mountPath, readOnly, recursiveReadOnly }) => ({
    name,
    mountPath,
    ...(readOnly === true
      ? { readOnly, recursiveReadOnly: resolved(recursiveReadOnly, node.recursiveReadOnly === true) }
      : {}),
  }))
  return {
    name: container.name,
    lastState: {},
    ready: false,
    restartCount: 0,
    image: container.image ?? '',
    imageID: '',
    ...(mounts.length === 0 ? {} : { volumeMounts: mounts }),
  }
}

/** Nothing was started, or the runtime has lost what was: then the count goes on and the loss is told. */
function statusWithoutRun(
  pod: Pod,
  container: Container,
  before: ContainerStatus | undefined,
  memory: PodMemory,
  afterInit: boolean,
): ContainerStatus {
  const blank = blankStatus(container, memory)
  const waiting = { waiting: { reason: afterInit ? 'PodInitializing' : 'ContainerCreating' } }
  if (before === undefined) return { ...blank, state: waiting }
  if (before.state?.terminated !== undefined) return before
  const kept = { ...blank, restartCount: before.restartCount, lastState: before.lastState ?? {} }
  if (memory.removed === true || before.state?.running === undefined) {
    return memory.removed === true ? before : { ...kept, state: waiting }
  }
  const lost = {
    exitCode: 137,
    reason: 'ContainerStatusUnknown',
    message: 'The container could not be located when the pod was deleted.  The container used to be Running',
  }
  const isDeleted = pod.metadata.deletionTimestamp !== undefined
  if (isDeleted) return { ...kept, state: { terminated: lost } }
  return { ...kept, state: waiting, lastState: { terminated: lost }, restartCount: before.restartCount + 1 }
}

function statusOfRun(
  container: Container,
  run: ObservedContainer,
  previous: ObservedContainer | undefined,
  before: ContainerStatus | undefined,
  memory: PodMemory,
): ContainerStatus {
  const scheme = memory.node.runtimeScheme
  const lastState: ContainerState =
    previous === undefined ? keptLastState(run, before, scheme) : { terminated: terminatedState(previous, scheme) }
  return {
    ...blankStatus(container, memory),
    state: stateOf(run, scheme),
    lastState,
    restartCount: run.attempt,
    image: run.image,
    imageID: run.imageRef,
    containerID: `${scheme}://${run.id}`,
    ...(container.resources?.requests === undefined ? {} : { allocatedResources: container.resources.requests }),
    resources: run.state === 'running' ? resourcesInForce(run, container, before, memory) : (container.resources ?? {}),
    ...(run.user === undefined
      ? {}
      : {
          user: {
            linux: {
              uid: run.user.uid,
              gid: run.user.gid,
              ...(run.user.supplementalGroups === undefined
                ? {}
                : { supplementalGroups: [...run.user.supplementalGroups] }),
            },
          },
        }),
  }
}

/** When the run before this one was cleaned away, the status still knows how it ended. */
function keptLastState(run: ObservedContainer, before: ContainerStatus | undefined, scheme: string): ContainerState {
  if (run.attempt === 0 || before === undefined) return {}
  const isSameRun = before.containerID === `${scheme}://${run.id}`
  if (!isSameRun && before.state?.terminated !== undefined) return before.state
  return before.lastState ?? {}
}

function stateOf(run: ObservedContainer, scheme: string): ContainerState {
  switch (run.state) {
    case 'running':
      return { running: run.startedAt === undefined ? {} : { startedAt: timeText(run.startedAt) } }
    case 'exited':
      return { terminated: terminatedState(run, scheme) }
    default:
      return { waiting: { reason: 'ContainerCreating' } }
  }
}

function terminatedState(run: ObservedContainer, scheme: string): NonNullable<ContainerState['terminated']> {
  return {
    exitCode: run.exitCode ?? 0,
    ...(run.reason === undefined || run.reason === '' ? {} : { reason: run.reason }),
    ...(run.message === undefined || run.message === '' ? {} : { message: run.message }),
    // A run that never started has the zero time, which the API writes as the beginning of the epoch.
    startedAt: timeText(run.startedAt ?? 0),
    finishedAt: timeText(endOf(run)),
    containerID: `${scheme}://${run.id}`,
  }
}

/** What keeps a container from running is shown in place of how it ended, which moves to the last state. */
function withWaiting(
  pod: Pod,
  container: Container,
  run: ObservedContainer | undefined,
  status: ContainerStatus,
  now: number,
  memory: PodMemory,
): ContainerStatus {
  if (status.state?.running !== undefined || pod.metadata.deletionTimestamp !== undefined) return status
  if (run === undefined ? status.state?.terminated !== undefined : !shouldRestart(pod, container, run)) return status
  if (run?.state === 'exited' && run.exitCode === 0 && isPlainInit(pod, container)) return status
  const waiting = crashLoop(pod, container, run, now, memory) ?? memory.failures.get(container.name)
  if (waiting === undefined) return status
  return {
    ...status,
    state: { waiting: { reason: waiting.reason, message: waiting.message } },
    lastState:
      status.state?.terminated === undefined ? (status.lastState ?? {}) : { terminated: status.state.terminated },
  }
}

function isPlainInit(pod: Pod, container: Container): boolean {
  return !isSidecar(container) && (pod.spec.initContainers ?? []).includes(container)
}

function crashLoop(
  pod: Pod,
  container: Container,
  run: ObservedContainer | undefined,
  now: number,
  memory: PodMemory,
): { readonly reason: string; readonly message: string } | undefined {
  if (run === undefined || run.state !== 'exited') return undefined
  const backoff = memory.backoffs.get(backoffKey(container.name, hashOfContainer(container)))
  if (backoff === undefined || restartAt(backoff, endOf(run), now) === undefined) return undefined
  if (now < crashLoopShownFrom(backoff, endOf(run))) return undefined
  const text = `back-off ${goDuration(backoff.delay)} restarting failed container=${container.name} pod=${podText(pod)}`
  return { reason: 'CrashLoopBackOff', message: text }
}

/** Running, past its startup probe, and ready by its readiness probe; an init container is ready once it has done its work. */
function withReadiness(
  container: Container,
  isInit: boolean,
  run: ObservedContainer | undefined,
  status: ContainerStatus,
  memory: PodMemory,
): ContainerStatus {
  const isRunning = status.state?.running !== undefined
  const verdicts = run === undefined ? undefined : memory.probes.get(run.id)
  if (isInit && !isSidecar(container)) {
    const done = status.state?.terminated?.exitCode === 0
    return { ...status, started: isRunning, ready: done }
  }
  const started = isRunning && (container.startupProbe === undefined || verdicts?.startup === 'success')
  const ready = started && (container.readinessProbe === undefined || verdicts?.readiness === 'success')
  return { ...status, started, ready }
}

import type { Container, EphemeralContainer, ResourceRequirements } from '#api/core/v1/container.ts'
import type { ContainerState } from '#api/core/v1/containerStatus.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { PodStatus } from '#api/core/v1/podStatus.ts'
import type { Probe } from '#api/core/v1/probe.ts'
import { exponentialDelay } from '#lib/async/backoff.ts'
import { millisecondsOf } from '#machinery/time.ts'
import { claimBackoff, hasClaims, unprocessedMessage } from '#kubelet/plan/planClaims.ts'
import { planActions } from '#kubelet/plan/planPod.ts'
import type { PodAction } from '#kubelet/plan/podAction.ts'
import type { ImageState, PodMemory, ProbeVerdicts, StartFailure } from '#kubelet/plan/podMemory.ts'
import { allContainers, containerNamed, hashOfContainer } from '#kubelet/plan/podView.ts'
import { backoffKey, raiseBackoff, type RestartBackoff } from '#kubelet/plan/restarts.ts'
import type { ObservedContainer, ObservedPod, ObservedSandbox } from '#kubelet/runtime/containerRuntime.ts'
import { behaviourOf, type ContainerBehaviour, type DeclaredBehaviour, type PodBehaviour } from './behaviour.ts'
import { tryPull, type FailedPulls } from './simulatedFaults.ts'
import { containerId, imageDigest, imageName, runtimeScheme, stoppedBy } from './simulatedContainer.ts'

/** Where a simulated pod is. */
export interface PodPlace {
  /** The node's addresses. */
  readonly addresses: readonly string[]
  /** The pod's own; absent while its node has none to give: then it waits. */
  readonly podIps?: readonly string[]
  /** Why volumes cannot be used yet, by their names in the pod; looked for while they are not mounted. */
  readonly unreadyVolumes?: ReadonlyMap<string, string>
}

/** All there is of a pod on its simulated node: what a runtime would have of it, and what a kubelet would remember. */
export interface SimulatedPod {
  readonly behaviour: PodBehaviour
  readonly observed: ObservedPod
  /** When runs that were asked to stop end, and with which code, by container id. */
  readonly stops: ReadonlyMap<string, { readonly at: number; readonly exitCode: number }>
  readonly volumesMounted: boolean
  /** Claims were not bound: how often that was seen, and when to look again. */
  readonly unready?: { readonly times: number; readonly retryAt: number }
  readonly removed: boolean
  /** Of containers by name: images that are there, and what came of pulling others. */
  readonly images: ReadonlyMap<string, ImageState>
  readonly pulls: ReadonlyMap<string, FailedPulls>
  readonly failures: ReadonlyMap<string, StartFailure>
  readonly backoffs: ReadonlyMap<string, RestartBackoff>
  /** Runs that were told of their end before their turn to stop. */
  readonly prepared: ReadonlyMap<string, boolean>
  /** What runs were resized to, by container id; the others have what they were made with. */
  readonly resources: ReadonlyMap<string, ResourceRequirements>
  readonly endingSince?: number
}

export interface SimulatedPodPlan {
  readonly next: SimulatedPod
  readonly status: PodStatus
  /** Nothing is left of it: its object may go. */
  readonly remove: boolean
  /** Look again then even if nothing changes. */
  readonly recheckAt?: number
  readonly events: readonly SimulatedPodEvent[]
}

export interface SimulatedPodEvent {
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly message: string
  readonly container?: string
}

const none = new Map<string, never>()
/** More steps than this without coming to rest would be a circle: a bug. */
const mostSteps = 100

/**
 * A pod as its node finds it: fresh, or as its status says that it was left by an earlier process.
 * Volumes without claims and images are there already, so that a fresh pod takes one look and not four.
 */
export function findPod(pod: Pod, habits?: ContainerBehaviour, declared?: DeclaredBehaviour): SimulatedPod {
  const { phase } = pod.status ?? {}
  const isOver = phase === 'Succeeded' || phase === 'Failed'
  const { containers, backoffs } = runsInStatus(pod)
  const behaviour = behaviourOf(pod, habits, declared)
  const images = new Map<string, ImageState>()
  for (const { container } of allContainers(pod)) {
    const isThere = behaviour.of(container.name, 0).pullFailures === 0
    if (isThere || containers.some(({ name }) => name === container.name))
      images.set(container.name, imageOf(container))
  }
  const sandboxes =
    containers.length === 0
      ? []
      : [
          sandboxOf(
            pod,
            (pod.status?.podIPs ?? []).map(({ ip }) => ip),
            !isOver,
          ),
        ]
  return {
    behaviour,
    observed: { sandboxes, containers },
    stops: none,
    volumesMounted: !isOver && (containers.length > 0 || !hasClaims(pod)),
    removed: false,
    images,
    pulls: none,
    failures: none,
    backoffs,
    prepared: none,
    resources: none,
  }
}

/**
 * Lets a simulated pod live up to `now` and says what its node has to write. The decisions are the kubelet's own
 * (`planPod`): starts, restarts with their back-off, the order of init containers, graceful ends, every status.
 * It looks at nothing but its arguments.
 */
export function planSimulatedPod(pod: Pod, before: SimulatedPod, place: PodPlace, now: number): SimulatedPodPlan {
  const steps = new PodSteps(pod, before, place, now)
  for (let step = 0; step < mostSteps; step++) {
    const plan = planActions(steps.seen, steps.state.observed, now, steps.memory())
    if (plan.recheckAt !== undefined) steps.recheck(plan.recheckAt)
    let changed = false
    for (const action of plan.actions) if (steps.perform(action)) changed = true
    if (changed) continue
    const { state: next, recheckAt, events } = steps
    // Again, until the object says that it may go: a write before it may have failed.
    const remove = steps.remove || (next.removed && pod.metadata.deletionGracePeriodSeconds !== 0)
    return { next, status: plan.show(), remove, events, ...(recheckAt === undefined ? {} : { recheckAt }) }
  }
  throw new Error(`Simulated pod ${pod.metadata.namespace}/${pod.metadata.name} does not come to rest`)
}

/** One look at a pod: its state while it is carried on, step by step. */
class PodSteps {
  /** The pod as it is planned for: with a readiness probe where a behaviour delays readiness. */
  readonly seen: Pod
  state: SimulatedPod
  remove = false
  recheckAt: number | undefined
  readonly events: SimulatedPodEvent[] = []
  readonly #pod: Pod
  readonly #place: PodPlace
  readonly #now: number

  constructor(pod: Pod, before: SimulatedPod, place: PodPlace, now: number) {
    this.#pod = pod
    this.#place = place
    this.#now = now
    this.state = before
    this.seen = withDelayedReadiness(pod, before.behaviour)
    if (pod.metadata.deletionTimestamp !== undefined) this.#beginEnding()
    this.#endRuns()
  }

  recheck(at: number): void {
    if (at > this.#now && (this.recheckAt === undefined || at < this.recheckAt)) this.recheckAt = at
  }

  memory(): PodMemory {
    const { volumesMounted, unready, removed, images, failures, backoffs, prepared, resources, endingSince, stops } =
      this.state
    return {
      node: { addresses: this.#place.addresses, runtimeScheme },
      volumesMounted,
      ...(removed ? { removed } : {}),
      retryAt: unready === undefined ? {} : { volumes: unready.retryAt },
      failures,
      images,
      backoffs,
      stopping: stops.size === 0 ? none : new Map([...stops].map(([id, { at }]) => [id, at])),
      prepared,
      stopped: new Set(stops.keys()),
      resources,
      resize: {},
      probes: this.#verdicts(),
      ...(endingSince === undefined ? {} : { endingSince }),
    }
  }

  /** Does one thing that the plan asks for. Returns whether anything is different now. */
  perform(action: PodAction): boolean {
    const { state } = this
    switch (action.do) {
      case 'mountVolumes':
        return this.#mountVolumes()
      case 'unmountVolumes':
        return this.#set({ volumesMounted: false })
      case 'pullImage':
        return this.#pull(action.container)
      case 'createSandbox':
        return this.#createSandbox(action.attempt)
      case 'stopSandbox':
      case 'removeSandbox': {
        const sandboxes = state.observed.sandboxes.map((each) =>
          each.id === action.id ? { ...each, ready: false, ips: [] } : each,
        )
        return this.#set({ observed: { ...state.observed, sandboxes } })
      }
      case 'startContainer':
        return this.#start(action)
      // Hooks do nothing here, and take no time.
      case 'prepareStop':
        this.events.push({ type: 'Normal', reason: 'Killing', message: action.why, container: action.name })
        return this.#set({ prepared: new Map(state.prepared).set(action.id, true) })
      case 'stopContainer':
        return this.#stop(action.id, action.name, action.graceSeconds, action.why)
      // A simulated node gives what is asked for.
      case 'resize': {
        const given = action.runs.map(({ id, name }) => [id, containerNamed(this.#pod, name)?.resources ?? {}] as const)
        return given.length > 0 && this.#set({ resources: new Map([...state.resources, ...given]) })
      }
      case 'removeContainer': {
        const containers = state.observed.containers.filter((run) => run.id !== action.id)
        return this.#set({ observed: { ...state.observed, containers } })
      }
      case 'recordEvent': {
        const { type, reason, message, container } = action
        this.events.push({ type, reason, message, ...(container === undefined ? {} : { container }) })
        return false
      }
      case 'removePod':
        this.remove = true
        return this.#set({ removed: true })
    }
  }

  #mountVolumes(): true {
    const { unreadyVolumes: problems } = this.#place
    if (problems === undefined || problems.size === 0) return this.#set({ volumesMounted: true })
    this.events.push({ type: 'Warning', reason: 'FailedMount', message: unprocessedMessage(problems) })
    const times = this.state.unready?.times ?? 0
    return this.#set({ unready: { times: times + 1, retryAt: this.#now + exponentialDelay(times, claimBackoff) } })
  }

  #set(change: Partial<SimulatedPod>): true {
    this.state = { ...this.state, ...change }
    return true
  }

  #beginEnding(): void {
    if (this.state.endingSince === undefined) this.#set({ endingSince: this.#now })
  }

  #createSandbox(attempt: number): boolean {
    const ips = this.#pod.spec.hostNetwork === true ? this.#place.addresses : this.#place.podIps
    if (ips === undefined) return false
    const { observed } = this.state
    const sandbox: ObservedSandbox = { ...sandboxOf(this.#pod, ips, true, attempt), createdAt: this.#now }
    return this.#set({ observed: { ...observed, sandboxes: [sandbox, ...observed.sandboxes.slice(0, 1)] } })
  }

  #pull(name: string): true {
    const { behaviour, images, pulls, failures } = this.state
    const { container } = allContainers(this.#pod).find((each) => each.container.name === name)!
    const { pullFailures } = behaviour.of(name, 0)
    const { image, failed, failure, events } = tryPull(container, pullFailures, pulls.get(name), this.#now)
    this.events.push(...events)
    return this.#set({
      images: image === undefined ? images : new Map(images).set(name, image),
      pulls: failed === undefined ? pulls : new Map(pulls).set(name, failed),
      failures: new Map(
        [...failures].filter(([each]) => each !== name).concat(failure === undefined ? [] : [[name, failure]]),
      ),
    })
  }

  #start({ name, attempt, imageRef, endedAt }: Extract<PodAction, { do: 'startContainer' }>): boolean {
    const { observed, behaviour, backoffs } = this.state
    const sandbox = observed.sandboxes[0]!
    const due = sandbox.createdAt + (attempt === 0 ? behaviour.of(name, 0).startAfter : 0)
    if (due > this.#now) {
      this.recheck(due)
      return false
    }
    const { container } = allContainers(this.#pod).find((each) => each.container.name === name)!
    const run: ObservedContainer = {
      id: containerId(this.#pod, name, attempt),
      name,
      sandboxId: sandbox.id,
      attempt,
      hash: hashOfContainer(container),
      state: 'running',
      createdAt: this.#now,
      startedAt: this.#now,
      image: imageName(container.image ?? ''),
      imageRef,
      user: userOf(this.#pod, container),
    }
    const key = backoffKey(name, run.hash)
    this.#set({
      observed: { ...observed, containers: [run, ...observed.containers] },
      ...(endedAt === undefined
        ? {}
        : { backoffs: new Map(backoffs).set(key, raiseBackoff(backoffs.get(key), endedAt, this.#now)) }),
    })
    const message = `Container image "${container.image ?? ''}" already present on machine`
    this.events.push({ type: 'Normal', reason: 'Pulled', message, container: name })
    this.events.push({ type: 'Normal', reason: 'Created', message: `Created container: ${name}`, container: name })
    this.events.push({ type: 'Normal', reason: 'Started', message: `Started container ${name}`, container: name })
    this.#endRuns()
    return true
  }

  #stop(id: string, name: string, graceSeconds: number, why: string): boolean {
    const attempt = this.state.observed.containers.find((run) => run.id === id)?.attempt ?? 0
    if (!this.state.stops.has(id) && !this.state.prepared.has(id))
      this.events.push({ type: 'Normal', reason: 'Killing', message: why, container: name })
    const stop = stoppedBy(this.state.behaviour.of(name, attempt), this.#now, graceSeconds)
    const known = this.state.stops.get(id)
    // Asked again with less grace: the earlier end counts.
    if (known !== undefined && known.at <= stop.at) return false
    this.#set({ stops: new Map(this.state.stops).set(id, stop) })
    this.#endRuns()
    return true
  }

  /** Ends the runs whose time has come, and knows when the next one's will. */
  #endRuns(): void {
    const { observed, behaviour, stops } = this.state
    let ended: ObservedContainer[] | undefined
    for (const [index, run] of observed.containers.entries()) {
      if (run.state !== 'running') continue
      const end = endOfRun(run, behaviour, stops)
      if (end === undefined) continue
      if (end.at > this.#now) {
        this.recheck(end.at)
        continue
      }
      ended ??= [...observed.containers]
      ended[index] = {
        ...run,
        state: 'exited',
        finishedAt: end.at,
        exitCode: end.exitCode,
        reason: end.exitCode === 0 ? 'Completed' : 'Error',
      }
    }
    if (ended !== undefined) this.#set({ observed: { ...observed, containers: ended } })
  }

  /** What probes would have said by now: a simulated container does what is expected of it, after its time. */
  #verdicts(): ReadonlyMap<string, ProbeVerdicts> {
    let verdicts: Map<string, ProbeVerdicts> | undefined
    for (const run of this.state.observed.containers) {
      if (run.state !== 'running') continue
      const found = allContainers(this.seen).find(({ container }) => container.name === run.name)
      if (found === undefined) continue
      const { startupProbe, readinessProbe, livenessProbe } = found.container
      if (startupProbe === undefined && readinessProbe === undefined && livenessProbe === undefined) continue
      const { readyAfter, unreadyAfter, hangAfter } = this.state.behaviour.of(run.name, run.attempt)
      const from = (delay: number): number => run.startedAt! + delay
      const startup = from((startupProbe?.initialDelaySeconds ?? 0) * 1_000)
      const ready = Math.max(startup, from(readyAfter ?? (readinessProbe?.initialDelaySeconds ?? 0) * 1_000))
      const hangs = hangAfter === undefined ? Infinity : from(hangAfter)
      const unready = Math.min(
        unreadyAfter === undefined ? Infinity : from(unreadyAfter),
        hangs + timeToFail(readinessProbe),
      )
      const dead = livenessProbe === undefined ? Infinity : hangs + timeToFail(livenessProbe)
      for (const at of [startup, ready, unready, dead]) if (at < Infinity) this.recheck(at)
      verdicts ??= new Map()
      verdicts.set(run.id, {
        ...(startup <= this.#now ? { startup: 'success' } : {}),
        readiness: ready <= this.#now && unready > this.#now ? 'success' : 'failure',
        ...(dead <= this.#now ? { liveness: 'failure' } : {}),
      })
    }
    return verdicts ?? none
  }
}

/** How long a probe takes to find out that something does not answer any more, in milliseconds. */
function timeToFail(probe: Probe | undefined): number {
  return (probe?.failureThreshold ?? 3) * (probe?.periodSeconds ?? 10) * 1_000
}

/** When and how a run ends: by itself, or because it was asked to. */
function endOfRun(
  run: ObservedContainer,
  behaviour: PodBehaviour,
  stops: SimulatedPod['stops'],
): { readonly at: number; readonly exitCode: number } | undefined {
  const { exitAfter, exitCode, exitRuns } = behaviour.of(run.name, run.attempt)
  const stop = stops.get(run.id)
  if (exitAfter === undefined || run.attempt >= exitRuns) return stop
  const own = { at: run.startedAt! + exitAfter, exitCode }
  return stop !== undefined && stop.at < own.at ? stop : own
}

/** A container that shall take its time to be ready is one with a readiness probe, although it has none. */
function withDelayedReadiness(pod: Pod, behaviour: PodBehaviour): Pod {
  const isDelayed = (name: string): boolean => {
    const { readyAfter, unreadyAfter } = behaviour.of(name, 0)
    return readyAfter !== undefined || unreadyAfter !== undefined
  }
  if (!pod.spec.containers.some(({ name }) => isDelayed(name))) return pod
  const containers = pod.spec.containers.map((container) =>
    container.readinessProbe === undefined && isDelayed(container.name)
      ? { ...container, readinessProbe: {} }
      : container,
  )
  return { ...pod, spec: { ...pod.spec, containers } }
}

function imageOf(container: Container | EphemeralContainer): ImageState {
  return { is: 'present', ref: imageDigest(container.image ?? '') }
}

function sandboxOf(pod: Pod, ips: readonly string[], ready: boolean, attempt = 0): ObservedSandbox {
  const createdAt = millisecondsOf(pod.status?.startTime) ?? 0
  return { id: containerId(pod, '', attempt), attempt, ready, createdAt, ips: ready ? ips : [] }
}

function userOf(pod: Pod, { securityContext }: Container | EphemeralContainer): NonNullable<ObservedContainer['user']> {
  const uid = securityContext?.runAsUser ?? pod.spec.securityContext?.runAsUser ?? 0
  const gid = securityContext?.runAsGroup ?? pod.spec.securityContext?.runAsGroup ?? 0
  return { uid, gid, supplementalGroups: [...new Set([gid, ...(pod.spec.securityContext?.supplementalGroups ?? [])])] }
}

/** The runs that a pod's status speaks of, newest first, and the back-offs that they must have led to. */
function runsInStatus(pod: Pod): Pick<ObservedPod, 'containers'> & Pick<SimulatedPod, 'backoffs'> {
  const { initContainerStatuses = [], containerStatuses = [], ephemeralContainerStatuses = [] } = pod.status ?? {}
  const containers: ObservedContainer[] = []
  const backoffs = new Map<string, RestartBackoff>()
  for (const status of [...initContainerStatuses, ...containerStatuses, ...ephemeralContainerStatuses]) {
    const found = allContainers(pod).find(({ container }) => container.name === status.name)
    if (found === undefined || status.containerID === undefined) continue
    const { container } = found
    const runOf = (attempt: number, { running, terminated }: ContainerState): ObservedContainer => {
      const startedAt = millisecondsOf(running?.startedAt ?? terminated?.startedAt) ?? 0
      return {
        id: containerId(pod, container.name, attempt),
        name: container.name,
        sandboxId: containerId(pod, '', 0),
        attempt,
        hash: hashOfContainer(container),
        state: terminated === undefined ? 'running' : 'exited',
        createdAt: startedAt,
        startedAt,
        image: status.image,
        imageRef: status.imageID,
        user: userOf(pod, container),
        ...(terminated === undefined
          ? {}
          : {
              finishedAt: millisecondsOf(terminated.finishedAt) ?? startedAt,
              exitCode: terminated.exitCode,
              ...(terminated.reason === undefined ? {} : { reason: terminated.reason }),
            }),
      }
    }
    const { state = {}, lastState = {}, restartCount } = status
    // In back-off the run that counts is the one that ended last.
    const isWaiting = state.running === undefined && state.terminated === undefined
    if (!isWaiting) containers.push(runOf(restartCount, state))
    if (lastState.terminated !== undefined)
      containers.push(runOf(isWaiting ? restartCount : restartCount - 1, lastState))
    if (restartCount === 0) continue
    const newest = containers.findLast((run) => run.name === container.name && run.attempt === restartCount)
    let backoff: RestartBackoff | undefined
    for (let start = 0; start < Math.min(restartCount, 6); start++) backoff = raiseBackoff(backoff, 0, 0)
    backoffs.set(backoffKey(container.name, hashOfContainer(container)), {
      delay: backoff!.delay,
      raisedAt: newest?.startedAt ?? 0,
    })
  }
  return { containers, backoffs }
}

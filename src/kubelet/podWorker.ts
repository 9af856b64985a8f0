import type { Pod } from '#api/core/v1/pod.ts'
import { pods } from '#api/core/v1/pod.ts'
import type { PodStatus } from '#api/core/v1/podStatus.ts'
import { referenceTo } from '#client/events.ts'
import { compareResourceVersions } from '#client/resourceVersion.ts'
import { millisecondsOf } from '#machinery/time.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { isReason } from '#machinery/status.ts'
import { planPod } from './plan/planPod.ts'
import { orderPodAddresses } from './plan/podAddresses.ts'
import { knowsRecursiveReadOnly } from './plan/planVolumes.ts'
import type { PodAction } from './plan/podAction.ts'
import type { Eviction, PodFailure, PodMemory } from './plan/podMemory.ts'
import { containerNamed, fieldPathOf, hashOfContainer } from './plan/podView.ts'
import { conditionsOfOthers, isKubeletCondition } from './plan/podConditions.ts'
import type { OwnFacts } from './plan/fieldRefs.ts'
import {
  asAllocated,
  knownAllocation,
  resizableContainers,
  type Allocation,
  type PendingResize,
} from './plan/resize.ts'
import type { NodeServices } from './nodeServices.ts'
import { PodActions, type ActionContext } from './podActions.ts'
import type { PodVolume } from './podVolumes.ts'
import { PodState } from './podState.ts'
import { runProbe } from './probes/handlers.ts'
import { Prober } from './probes/prober.ts'
import { RuntimeError, type ObservedPod } from './runtime/containerRuntime.ts'
import { StatusWriter } from './statusWriter.ts'

/** After this a worker that met a surprise looks again. */
const retryAfter = 1_000

/**
 * Runs one pod from its first sight to its removal: looks, decides (`planPod`), acts, writes the status, and waits for
 * a change or for the time that the plan named. Everything about one pod happens here one thing after another, except
 * pulls and graceful stops, which go on beside.
 */
export class PodWorker {
  readonly #services: NodeServices
  readonly #state: PodState
  readonly #actions: PodActions
  readonly #prober: Prober
  readonly #status: StatusWriter
  #pod: Pod
  /** What the node has agreed to give to the containers. */
  #allocation: Allocation
  /** The pod with that; the same object if it is what the pod asks for. */
  #allocated: Pod
  #observed: ObservedPod = { sandboxes: [], containers: [] }
  #planned: PodStatus | undefined
  #wake: (() => void) | undefined
  #isChanged = false
  /** Aborts what is being done when the pod is to end. */
  #pass = new AbortController()
  #isGone = false
  /** The last thing done was to make a sandbox. */
  #hasMadeSandbox = false

  constructor(pod: Pod, services: NodeServices, rejection?: PodFailure) {
    this.#pod = pod
    this.#allocation = knownAllocation(pod)
    this.#allocated = asAllocated(pod, this.#allocation)
    this.#services = services
    const { clock, client, report, runtime, addresses } = services
    const recursiveReadOnly = knowsRecursiveReadOnly(services.node())
    this.#state = new PodState({ addresses, runtimeScheme: runtime.scheme, recursiveReadOnly }, rejection)
    this.#actions = new PodActions(pod.metadata.uid ?? '', services, this.#state, {
      note: (type, reason, message, container) => this.#note(type, reason, message, container),
      changed: () => this.poke(),
    })
    this.#prober = new Prober({
      clock,
      probe: (run, kind, signal) => {
        const { container, id } = run
        const probe = container[`${kind}Probe`]!
        const target = { container, containerId: id, podIP: this.#facts().podIPs[0] ?? '', runtime, clock }
        return runProbe(probe, { ...target, userAgent: 'kube-probe/1.34' }, signal)
      },
      observe: ({ container }, kind, result) => services.metrics.probed(this.#pod, container.name, kind, result),
      note: (container, reason, message) => this.#note('Warning', reason, message, container),
      changed: () => this.poke(),
    })
    this.#status = new StatusWriter(pod, {
      client,
      clock,
      report,
      written: (written) => void this.#take(written),
      read: (fresh) => this.update(fresh),
      gone: () => this.forget(),
    })
  }

  get pod(): Pod {
    return this.#pod
  }

  /** The pod with what its containers were given, which may not be yet what it asks for. */
  get allocated(): Pod {
    return this.#allocated
  }

  /** It is asked for other resources than the pod has. */
  get isResizing(): boolean {
    return this.#allocated !== this.#pod && this.#pod.metadata.deletionTimestamp === undefined
  }

  /** The node gives what is asked for, or says why it does not. */
  answerResize(refusal: PendingResize | undefined): void {
    if (refusal === undefined) {
      this.#allocation = new Map(resizableContainers(this.#pod).map(({ name, resources = {} }) => [name, resources]))
      this.#allocated = this.#pod
      const { generation } = this.#pod.metadata
      this.#state.beginResize(generation)
      // Containers may read in files what they have.
      this.#actions.refreshVolumes()
    } else {
      if (!this.#state.postponeResize(refusal)) return
    }
    this.poke()
  }

  /** It is being brought to its end, or has ended. */
  get isEnding(): boolean {
    return this.isOver || this.#state.endingSince !== undefined || this.#pod.metadata.deletionTimestamp !== undefined
  }

  /** It has ended, or has to leave at once already. */
  get isOver(): boolean {
    const { phase } = this.status
    return phase === 'Succeeded' || phase === 'Failed' || this.#state.isEvicted
  }

  /** Nothing of it runs, and nothing is mounted for it. */
  get isCleanedUp(): boolean {
    return this.#state.isRemoved || (this.status.phase === 'Failed' && !this.#state.volumesMounted)
  }

  /** The pod must leave at once, and has failed. */
  evict(eviction: Eviction, annotations?: Readonly<Record<string, string>>): void {
    const { reason, message } = eviction
    this.#state.evict(eviction)
    const note = { type: 'Warning', reason, message, ...(annotations === undefined ? {} : { annotations }) } as const
    this.#services.recorder.record(referenceTo(pods, this.#pod), note)
    this.#interrupt()
    this.poke()
  }

  /** Removes the containers of a pod that has ended, with their logs; its status still tells how they ended. */
  async discardContainers(signal: AbortSignal): Promise<void> {
    const { phase } = this.status
    if ((phase !== 'Succeeded' && phase !== 'Failed') || this.#pod.metadata.deletionTimestamp !== undefined) return
    const context = this.#context(signal, signal)
    for (const { id, state } of this.#observed.containers) {
      if (state === 'exited') await this.#actions.perform({ do: 'removeContainer', id }, context)
    }
  }

  /** The volumes that are mounted, by their names. */
  get volumes(): ReadonlyMap<string, PodVolume> {
    return this.#actions.volumes
  }

  /** What the runtime had of the pod when the worker last looked. */
  get observed(): ObservedPod {
    return this.#observed
  }

  /** The status as it was last decided, which the API server may not have yet. */
  get status(): PodStatus {
    return this.#planned ?? this.#pod.status ?? {}
  }

  /** A newer object from the API server. */
  update(pod: Pod): void {
    const before = this.#pod
    const wasDeleted = before.metadata.deletionTimestamp !== undefined
    // What the worker itself wrote comes back to it: nothing is new in that.
    if (!this.#take(pod)) return
    this.#state.forgetChangedImages(before, this.#pod)
    if (!wasDeleted && this.#pod.metadata.deletionTimestamp !== undefined) this.#interrupt()
    const { labels, annotations } = this.#pod.metadata
    // Containers may read them in files.
    if (!sameJson(before.metadata.labels, labels) || !sameJson(before.metadata.annotations, annotations)) {
      this.#actions.refreshVolumes()
    }
    this.poke()
  }

  /** The object is gone from the API server: what runs must end all the same. */
  forget(): void {
    if (this.#isGone) return
    this.#isGone = true
    const { metadata } = this.#pod
    const deletionTimestamp = metadata.deletionTimestamp ?? new Date(this.#services.clock.now()).toISOString()
    this.#pod = { ...this.#pod, metadata: { ...metadata, deletionTimestamp } }
    this.#allocated = asAllocated(this.#pod, this.#allocation)
    this.#interrupt()
    this.poke()
  }

  /** Something may have changed: look again. */
  poke(): void {
    this.#isChanged = true
    this.#wake?.()
  }

  /** An object that the pod refers to changed: what failed for its sake is tried at once, files are written again. */
  sourcesChanged(): void {
    this.#state.retryNow()
    this.#actions.refreshVolumes()
    this.poke()
  }

  /** Runs until the pod is removed or the signal aborts; containers are left running then. */
  async run(signal: AbortSignal): Promise<void> {
    const onAbort = (): void => {
      this.#interrupt()
      this.poke()
    }
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      while (!signal.aborted && !this.#state.isRemoved) {
        try {
          await this.#look(signal)
        } catch (error) {
          if (signal.aborted) break
          if (!(error instanceof RuntimeError && error.isUnavailable)) {
            this.#services.report(`Cannot run pod "${this.#pod.metadata.name}"`, error)
          }
          await this.#wait(this.#services.clock.now() + retryAfter, signal)
        }
      }
      if (this.#state.isRemoved) await this.#status.flush()
    } finally {
      signal.removeEventListener('abort', onAbort)
      this.#prober.stop()
      this.#actions.stop()
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { clock, runtime } = this.#services
    const uid = this.#pod.metadata.uid ?? ''
    this.#isChanged = false
    this.#observed = await runtime.observe(uid, signal)
    const now = clock.now()
    this.#state.settle(this.#observed)
    const pod = this.#podAsPlanned()
    const plan = planPod(pod, this.#observed, now, this.#memory())
    this.#planned = plan.status
    this.#services.metrics.seen(this.#pod, plan.status)
    this.#followProbes(plan.isEnding)
    if (!this.#isGone && !this.#isBetweenSteps(plan.actions)) this.#status.set(plan.status, signal)
    this.#hasMadeSandbox = false
    if (plan.isEnding) this.#state.beginEnding(this.#endingSince(now))
    await this.#act(plan.actions, signal)
    if (!plan.isEnding) await this.#actions.refreshIfNeeded(this.#context(signal, signal))
    if (plan.actions.some((action) => action.do !== 'recordEvent') || this.#state.isRemoved) return
    const wanted = [plan.recheckAt, this.#actions.refreshAt].filter((at) => at !== undefined)
    await this.#wait(wanted.length === 0 ? undefined : Math.min(...wanted), signal)
  }

  /** A sandbox and the first start in it are one step upstream: nothing is told of what is between them. */
  #isBetweenSteps(actions: readonly PodAction[]): boolean {
    return this.#hasMadeSandbox && actions.some((action) => action.do === 'startContainer')
  }

  async #act(actions: readonly PodAction[], signal: AbortSignal): Promise<void> {
    if (actions.length === 0) return
    this.#pass = new AbortController()
    const pass = AbortSignal.any([signal, this.#pass.signal])
    try {
      for (const action of actions) {
        pass.throwIfAborted()
        // What the runtime is to forget must be known elsewhere first.
        if (action.do === 'removeSandbox') await this.#status.flush()
        if (action.do === 'removePod') await this.#remove(signal)
        else await this.#actions.perform(action, this.#context(pass, signal))
        this.#hasMadeSandbox = action.do === 'createSandbox'
      }
    } catch (error) {
      // Interrupted: the next look decides what to do instead.
      if (!this.#pass.signal.aborted) throw error
    }
  }

  /** The last status goes first, then the object; what is left on the node goes beside it. */
  async #remove(signal: AbortSignal): Promise<void> {
    await this.#status.flush()
    const cleaned = this.#actions.perform({ do: 'removePod' }, this.#context(signal, signal))
    // Whichever fails first, the other is not left unheard.
    cleaned.catch(() => {})
    if (!this.#isGone) {
      const { uid } = this.#pod.metadata
      try {
        await this.#services.client.delete(pods, this.#pod.metadata, {
          gracePeriodSeconds: 0,
          preconditions: uid === undefined ? {} : { uid },
          signal,
        })
      } catch (error) {
        // A conflict says that another pod has the name by now.
        if (!isReason(error, 'NotFound') && !isReason(error, 'Conflict')) {
          await cleaned
          throw error
        }
      }
    }
    await cleaned
    this.#state.markRemoved()
  }

  #context(pass: AbortSignal, signal: AbortSignal): ActionContext {
    return { pod: this.#allocated, observed: this.#observed, facts: this.#facts(), pass, signal }
  }

  #memory(): PodMemory {
    return this.#state.memory(this.#prober.verdicts())
  }

  /** The pod with the status as last decided: the API server's may lag behind. */
  #podAsPlanned(): Pod {
    const pod = this.#allocated
    if (this.#planned === undefined) return pod
    const own = (this.#planned.conditions ?? []).filter(isKubeletCondition)
    const conditions = [...conditionsOfOthers(pod.status?.conditions, own), ...own]
    return { ...pod, status: { ...pod.status, ...this.#planned, conditions } }
  }

  #followProbes(isEnding: boolean): void {
    const runs = this.#observed.containers
      .filter((run) => run.state === 'running')
      .flatMap((run) => {
        const container = containerNamed(this.#pod, run.name)
        const isCurrent = container !== undefined && run.hash === hashOfContainer(container)
        return isCurrent ? [{ id: run.id, container, startedAt: run.startedAt ?? run.createdAt }] : []
      })
    this.#prober.follow(runs, isEnding)
  }

  #facts(): OwnFacts {
    const { addresses, allocatable } = this.#services
    const own =
      this.#pod.spec.hostNetwork === true
        ? addresses
        : orderPodAddresses(this.#observed.sandboxes[0]?.ips ?? [], addresses)
    return { podIPs: own, hostIPs: addresses, allocatable: allocatable() }
  }

  /** When the grace period began: at its first sight, or when it was asked for if that was before this agent's time. */
  #endingSince(now: number): number {
    const { deletionTimestamp, deletionGracePeriodSeconds } = this.#pod.metadata
    const end = millisecondsOf(deletionTimestamp)
    if (end === undefined || deletionGracePeriodSeconds === undefined) return now
    const asked = end - deletionGracePeriodSeconds * 1000
    return now - asked > 2_000 ? Math.min(asked, now) : now
  }

  /** Whether it is newer than what was known. */
  #take(pod: Pod): boolean {
    const isNewer =
      compareResourceVersions(pod.metadata.resourceVersion ?? '', this.#pod.metadata.resourceVersion ?? '') > 0
    if (!isNewer || this.#isGone) return false
    this.#pod = pod
    this.#allocated = asAllocated(pod, this.#allocation)
    // What was asked for may have been taken back.
    if (!this.isResizing) this.#state.forgetPendingResize()
    this.#status.rebase(pod)
    return true
  }

  #interrupt(): void {
    this.#pass.abort()
  }

  #note(type: 'Normal' | 'Warning', reason: string, message: string, container?: string): void {
    const path = container === undefined ? undefined : fieldPathOf(this.#pod, container)
    this.#services.recorder.record(referenceTo(pods, this.#pod, path), { type, reason, message })
    this.#services.metrics.noted(this.#pod, reason)
  }

  async #wait(until: number | undefined, signal: AbortSignal): Promise<void> {
    if (this.#isChanged || signal.aborted) return
    const { clock } = this.#services
    await new Promise<void>((resolve) => {
      const timer =
        until === undefined ? undefined : clock.after(Math.max(0, until - clock.now()), () => this.#wake?.())
      this.#wake = () => {
        this.#wake = undefined
        timer?.[Symbol.dispose]()
        resolve()
      }
    })
  }
}

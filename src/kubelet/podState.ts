import type { Pod } from '#api/core/v1/pod.ts'
import type { ResourceRequirements } from '#api/core/v1/container.ts'
import type {
  Eviction,
  ImageState,
  PodFailure,
  PodMemory,
  ProbeVerdicts,
  ResizeMemory,
  StartFailure,
} from './plan/podMemory.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import type { PendingResize } from './plan/resize.ts'
import { allContainers, containerNamed, hashOfContainer } from './plan/podView.ts'
import { backoffKey, raiseBackoff, type RestartBackoff } from './plan/restarts.ts'
import type { ObservedPod } from './runtime/containerRuntime.ts'

/** The memory of one pod's worker while it changes; `memory` gives it to the plan. */
export class PodState {
  readonly #node: PodMemory['node']
  readonly #rejection: PodFailure | undefined
  #eviction: Eviction | undefined
  readonly #failures = new Map<string, StartFailure>()
  readonly #images = new Map<string, ImageState>()
  readonly #backoffs = new Map<string, RestartBackoff>()
  readonly #stopping = new Map<string, number>()
  readonly #prepared = new Map<string, boolean>()
  readonly #stopped = new Set<string>()
  readonly #resources = new Map<string, ResourceRequirements>()
  #resize: ResizeMemory = {}
  #retryAt: { volumes?: number; sandbox?: number } = {}
  #volumesMounted = false
  #endingSince: number | undefined
  #isRemoved = false

  constructor(node: PodMemory['node'], rejection: PodFailure | undefined) {
    this.#node = node
    this.#rejection = rejection
  }

  memory(probes: ReadonlyMap<string, ProbeVerdicts>): PodMemory {
    return {
      node: this.#node,
      ...(this.#rejection === undefined ? {} : { rejection: this.#rejection }),
      ...(this.#eviction === undefined ? {} : { eviction: this.#eviction }),
      volumesMounted: this.#volumesMounted,
      retryAt: this.#retryAt,
      failures: this.#failures,
      images: this.#images,
      backoffs: this.#backoffs,
      stopping: this.#stopping,
      prepared: this.#prepared,
      stopped: this.#stopped,
      resources: this.#resources,
      resize: this.#resize,
      probes,
      ...(this.#endingSince === undefined ? {} : { endingSince: this.#endingSince }),
    }
  }

  /** Forgets what it was waiting for of containers that have ended, and all of those that are gone. */
  settle(observed: ObservedPod): void {
    const alive = new Set(observed.containers.filter((run) => run.state !== 'exited').map((run) => run.id))
    for (const noted of [this.#stopping, this.#prepared]) {
      for (const id of noted.keys()) if (!alive.has(id)) noted.delete(id)
    }
    const known = new Set(observed.containers.map((run) => run.id))
    for (const id of this.#stopped) if (!known.has(id)) this.#stopped.delete(id)
    for (const id of this.#resources.keys()) if (!known.has(id)) this.#resources.delete(id)
  }

  /** The first time counts. */
  beginEnding(at: number): void {
    this.#endingSince ??= at
  }

  get endingSince(): number | undefined {
    return this.#endingSince
  }

  evict(eviction: Eviction): void {
    this.#eviction ??= eviction
  }

  get isEvicted(): boolean {
    return this.#eviction !== undefined
  }

  get isRemoved(): boolean {
    return this.#isRemoved
  }

  markRemoved(): void {
    this.#isRemoved = true
  }

  get volumesMounted(): boolean {
    return this.#volumesMounted
  }

  setVolumes(mounted: boolean): void {
    this.#volumesMounted = mounted
    if (mounted) delete this.#retryAt.volumes
  }

  retryLater(what: 'volumes' | 'sandbox', at: number): void {
    this.#retryAt = { ...this.#retryAt, [what]: at }
  }

  /** What failed for want of something may be tried again at once; back-offs of crashes and pulls stand. */
  retryNow(): void {
    this.#retryAt = {}
    for (const [name, failure] of this.#failures) {
      if (failure.reason === 'CreateContainerConfigError') this.#failures.set(name, { ...failure, retryAt: 0 })
    }
  }

  /** A container whose image was changed starts anew. */
  forgetChangedImages(before: Pod, now: Pod): void {
    for (const { container } of allContainers(now)) {
      const old = containerNamed(before, container.name)
      if (old === undefined || old.image === container.image) continue
      this.#images.delete(container.name)
      this.#failures.delete(container.name)
    }
  }

  image(name: string): ImageState | undefined {
    return this.#images.get(name)
  }

  setImage(name: string, state: ImageState | undefined): void {
    if (state === undefined) this.#images.delete(name)
    else this.#images.set(name, state)
  }

  fail(name: string, failure: StartFailure): void {
    this.#failures.set(name, failure)
    this.#images.delete(name)
  }

  /** A start was tried: the image is looked for again before the next one, which waits longer. */
  noteStart(pod: Pod, name: string, endedAt: number | undefined, now: number): void {
    this.#images.delete(name)
    const container = containerNamed(pod, name)
    if (endedAt === undefined || container === undefined) return
    const key = backoffKey(name, hashOfContainer(container))
    this.#backoffs.set(key, raiseBackoff(this.#backoffs.get(key), endedAt, now))
  }

  noteStarted(name: string): void {
    this.#failures.delete(name)
  }

  /** It is known that it will be stopped, and its hook runs or is over. */
  notePrepared(id: string, isOver: boolean): void {
    this.#prepared.set(id, isOver)
  }

  isPrepared(id: string): boolean {
    return this.#prepared.has(id)
  }

  noteStop(id: string, killAt: number): void {
    this.#stopping.set(id, killAt)
    this.#stopped.add(id)
  }

  isStopping(id: string): boolean {
    return this.#stopping.has(id)
  }

  /** What a run has in force from now on. */
  noteResources(id: string, resources: ResourceRequirements): void {
    this.#resources.set(id, resources)
  }

  /** What is asked for is given: errors of an earlier resize say nothing any more. */
  beginResize(generation: number | undefined): void {
    this.#resize = generation === undefined ? {} : { generation }
  }

  /** Returns whether the refusal is another than before. */
  postponeResize(pending: PendingResize): boolean {
    if (sameJson(this.#resize.pending, pending)) return false
    this.#resize = { ...this.#resize, pending }
    return true
  }

  forgetPendingResize(): void {
    const { pending, ...others } = this.#resize
    if (pending !== undefined) this.#resize = others
  }

  failResize(message: string, retryAt: number): void {
    this.#resize = { ...this.#resize, error: { message, retryAt } }
  }

  /** The stop did not work: it will be asked for again. */
  forgetStop(id: string): void {
    this.#stopping.delete(id)
    this.#stopped.delete(id)
  }
}

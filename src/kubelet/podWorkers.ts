import { pods, type Pod } from '#api/core/v1/pod.ts'
import type { Node } from '#api/core/v1/node.ts'
import { referenceTo } from '#client/events.ts'
import type { NodeServices } from './nodeServices.ts'
import { admitPod, checkAppArmor, rejectionMessage } from './plan/admission.ts'
import type { PodFailure } from './plan/podMemory.ts'
import { compareResizes, decideResize } from './plan/resize.ts'
import { PodWorker } from './podWorker.ts'
import type { PodIdentity } from './runtime/containerRuntime.ts'

interface Running {
  readonly worker: PodWorker
  readonly ended: Promise<void>
}

/** The workers of all pods of a node: one for each pod, from its first sight until nothing is left of it. */
export class PodWorkers {
  readonly #services: NodeServices
  readonly #node: () => Node | undefined
  readonly #running = new Map<string, Running>()
  /** Those that are asked for other resources than they have. */
  readonly #resizing = new Set<PodWorker>()
  readonly #signal: AbortSignal

  constructor(services: NodeServices, node: () => Node | undefined, signal: AbortSignal) {
    this.#services = services
    this.#node = node
    this.#signal = signal
  }

  /** A pod came, changed, or went (only `before`). */
  change(pod: Pod | undefined, before: Pod | undefined): void {
    const uid = (pod ?? before)?.metadata.uid ?? ''
    if (before !== undefined && before.metadata.uid !== pod?.metadata.uid)
      this.find(before.metadata.uid ?? '')?.forget()
    if (pod === undefined) return
    const known = this.find(uid)
    const worker = known ?? this.#start(pod, this.#admit(pod))
    known?.update(pod)
    if (worker.isResizing) this.#resizing.add(worker)
    this.#answerResizes()
  }

  /** What an earlier agent left of a pod that is no more: ended and removed like a deleted pod. */
  removeOrphan({ uid, name, namespace }: PodIdentity): void {
    if (this.#running.has(uid)) return
    // Nobody can tell any more how long it was to be given.
    const metadata = { uid, name, namespace, deletionGracePeriodSeconds: 1 }
    const pod: Pod = { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [] } }
    this.#start(pod, undefined).forget()
  }

  find(uid: string): PodWorker | undefined {
    return this.#running.get(uid)?.worker
  }

  all(): readonly PodWorker[] {
    return [...this.#running.values()].map(({ worker }) => worker)
  }

  /** Something of these pods changed; an empty uid stands for all. */
  poke(uid: string): void {
    if (uid !== '') this.find(uid)?.poke()
    else for (const worker of this.all()) worker.poke()
  }

  /** Resolves when all workers have ended. */
  async ended(): Promise<void> {
    await Promise.all([...this.#running.values()].map(({ ended }) => ended))
  }

  #start(pod: Pod, rejection: PodFailure | undefined): PodWorker {
    const uid = pod.metadata.uid ?? ''
    const worker = new PodWorker(pod, this.#services, rejection)
    const ended = worker
      .run(this.#signal)
      .catch((error: unknown) => this.#services.report(`The worker of pod "${pod.metadata.name}" failed`, error))
      .finally(() => {
        this.#running.delete(uid)
        this.#resizing.delete(worker)
        this.#answerResizes()
        this.#services.objects.release(uid)
        this.#services.metrics.forget(uid)
      })
    this.#running.set(uid, { worker, ended })
    return worker
  }

  /** Refuses what does not fit. A pod that was let in before stays in. */
  #admit(pod: Pod): PodFailure | undefined {
    const node = this.#offered()
    if (node === undefined || pod.metadata.deletionTimestamp !== undefined) return undefined
    if (pod.status?.phase !== undefined && pod.status.phase !== 'Pending') return undefined
    if (pod.status?.startTime !== undefined) return undefined
    const { pressures, hasAppArmor } = this.#services
    const failure = admitPod(pod, this.#allocated(), node, pressures()) ?? checkAppArmor(pod, hasAppArmor)
    if (failure === undefined) return undefined
    this.#services.recorder.record(referenceTo(pods, pod), { type: 'Warning', ...failure })
    return { reason: failure.reason, message: rejectionMessage(failure) }
  }

  /** The node with what it offers to pods. */
  #offered(): Node | undefined {
    const node = this.#node()
    return node && { ...node, status: { ...node.status, allocatable: this.#services.allocatable() } }
  }

  /** The pods with what they were given. */
  #allocated(): readonly Pod[] {
    return this.all().map((worker) => ({ ...worker.allocated, status: worker.status }))
  }

  /** What one pod gives back another may have: all that wait are looked at whenever a pod changed or ended. */
  #answerResizes(): void {
    if (this.#resizing.size === 0) return
    const node = this.#offered()
    if (node === undefined) return
    for (const worker of [...this.#resizing].toSorted(compareResizes)) {
      if (worker.isResizing) worker.answerResize(decideResize(worker.pod, this.#allocated(), node))
      if (!worker.isResizing) this.#resizing.delete(worker)
    }
  }
}

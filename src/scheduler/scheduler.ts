/**
 * The scheduler: gives every pod without a node the best one there is. `cycle.ts` decides, `queue.ts` says who is next,
 * `cache.ts` knows the cluster, `plugins/` hold the rules. Nothing here runs pods or moves them once they are bound.
 */
import { nodes, type Node } from '#api/core/v1/node.ts'
import { bindings } from '#api/core/v1/binding.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import type { PodCondition } from '#api/core/v1/podStatus.ts'
import type { Causes } from '#client/causes.ts'
import type { Client } from '#client/client.ts'
import { referenceTo, type EventRecorder } from '#client/events.ts'
import type { Change, Informer } from '#client/informer.ts'
import type { Informers } from '#client/informers.ts'
import { timeText } from '#machinery/time.ts'
import { Turns } from '#lib/async/turns.ts'
import type { Clock } from '#lib/clock.ts'
import type { Component } from '#lib/component.ts'
import type { Random } from '#lib/random.ts'
import { isReason } from '#machinery/status.ts'
import { SchedulerCache } from './cache.ts'
import { placementBy, type Diagnosis, type Placement } from './cycle.ts'
import { failureMessage, preemptionText } from './diagnosis.ts'
import { defaultPlugins, type WeightedPlugin } from '#scheduler/plugins/index.ts'
import { namespaceLabels } from './namespaceLabels.ts'
import { SchedulingQueue, type QueuedPod } from './queue.ts'
import { failed, Reservation, type Setback } from './reservation.ts'
import { siblingFinder } from './siblings.ts'

export interface SchedulerOptions {
  readonly client: Client
  readonly informers: Informers
  readonly events: EventRecorder
  readonly causes: Causes
  readonly clock: Clock
  readonly random: Random
  /** Pods that name another scheduler are left to it. */
  readonly name?: string
  readonly report?: (problem: string, error: unknown) => void
}

/** How many bindings may be on their way at once. */
const mostBindings = 64

/** The scheduler as a part of a process. */
export function schedulerComponent(options: SchedulerOptions): Component {
  return {
    name: 'scheduler',
    needs: ['api-server'],
    run: (ready, signal) => new Scheduler(options).run(ready, signal),
  }
}

class Scheduler {
  readonly #options: SchedulerOptions
  readonly #name: string
  readonly #cache = new SchedulerCache()
  readonly #plugins: readonly WeightedPlugin[]
  readonly #placement: Placement
  readonly #queue: SchedulingQueue
  readonly #pods: Informer<Pod>
  readonly #nodes: Informer<Node>
  /** Bindings that are being written. */
  readonly #bindings = new Set<Promise<void>>()
  /** All that goes on beside the loop. */
  readonly #background = new Set<Promise<void>>()
  /** Ends what waits between the decision and the binding, by the uid of the pod. */
  readonly #waits = new Map<string, AbortController>()

  constructor(options: SchedulerOptions) {
    this.#options = options
    this.#name = options.name ?? 'default-scheduler'
    this.#pods = options.informers.of(pods)
    this.#nodes = options.informers.of(nodes)
    this.#plugins = defaultPlugins({
      siblingsOf: siblingFinder(options.informers),
      namespaces: namespaceLabels(options.informers),
    })
    this.#placement = placementBy(this.#plugins)
    const rules = new Map(this.#plugins.map(({ plugin }) => [plugin.name, plugin.wakesOn ?? []]))
    this.#queue = new SchedulingQueue(options.clock, rules)
  }

  async run(ready: () => void, signal: AbortSignal): Promise<void> {
    const close = (): void => this.#queue.close()
    signal.addEventListener('abort', close, { once: true })
    await this.#options.informers.synced(signal)
    using _nodes = this.#nodes.onChange((change) => this.#nodeChanged(change))
    using _pods = this.#pods.onChange((change) => this.#podChanged(change))
    ready()
    const turns = new Turns(this.#options.clock)
    for (let next = await this.#queue.take(); next !== undefined; next = await this.#queue.take()) {
      const turn = turns.pass()
      if (turn !== undefined) await turn
      this.#schedule(next, signal)
      while (this.#bindings.size >= mostBindings) await Promise.race(this.#bindings)
    }
    for (const wait of this.#waits.values()) wait.abort(signal.reason)
    await Promise.all(this.#background)
  }

  #nodeChanged({ old, new: node }: Change<Node>): void {
    if (node === undefined) {
      this.#cache.removeNode(old!.metadata.name)
      return
    }
    this.#cache.setNode(node)
    if (old === undefined) this.#queue.changed({ resource: 'nodes', action: 'add', node })
    else if (mattersToPods(old, node)) this.#queue.changed({ resource: 'nodes', action: 'update', node, oldNode: old })
  }

  #podChanged({ old, new: pod }: Change<Pod>): void {
    if (pod === undefined) {
      this.#podGone(old!)
      return
    }
    if (isFinished(pod)) return this.#podGone(pod)
    if ((pod.spec.nodeName ?? '') !== '') {
      this.#queue.remove(pod)
      this.#cache.setPod(pod)
      if (old !== undefined && (old.spec.nodeName ?? '') === '') {
        this.#options.causes.clear({ kind: 'Pod', ...placeOf(pod) }, this.#name)
      }
    } else if ((pod.spec.schedulerName ?? this.#name) === this.#name && pod.metadata.deletionTimestamp === undefined) {
      if (!this.#cache.isAssumed(pod)) this.#enqueue(pod)
    } else this.#queue.remove(pod)
  }

  #podGone(pod: Pod): void {
    this.#queue.remove(pod)
    this.#waits.get(pod.metadata.uid!)?.abort(new Error(`pod "${pod.metadata.name}" does not exist any more`))
    this.#cache.removePod(pod)
    if ((pod.spec.nodeName ?? '') !== '') this.#queue.changed({ resource: 'pods', action: 'delete' })
  }

  #enqueue(pod: Pod): void {
    const gate = this.#plugins.map(({ plugin }) => plugin.gate?.(pod)).find((rejection) => rejection !== undefined)
    this.#queue.set(pod, gate !== undefined)
    if (gate === undefined) return
    const condition = { reason: 'SchedulingGated', message: 'Scheduling is blocked due to non-empty scheduling gates' }
    this.#inBackground(this.#writeCondition(pod, condition), pod)
  }

  /** One attempt for one pod: decide now, write later, so that the next pod need not wait for the store. */
  #schedule({ pod }: QueuedPod, signal: AbortSignal): void {
    const fitting = this.#placement.findFitting(pod, this.#cache.snapshot())
    if (fitting.positions.length === 0) {
      this.#inBackground(this.#unschedulable(pod, fitting.diagnosis), pod)
      return
    }
    const node = this.#placement.choose(pod, fitting, this.#options.random)
    this.#cache.assume(pod, node.name)
    const reservation = new Reservation(pod, node.name, fitting.hooks)
    const setback = reservation.reserve()
    if (setback !== undefined) {
      reservation.unreserve()
      this.#cache.forget(pod)
      this.#inBackground(this.#setBack(pod, setback), pod)
    } else if (reservation.waits) this.#inBackground(this.#bindAfterWaiting(reservation, signal), pod)
    else this.#inBackground(this.#bind(reservation, signal), pod)
  }

  /** Binds a pod once its plugins let it go and have prepared what it needs. */
  async #bindAfterWaiting(reservation: Reservation, signal: AbortSignal): Promise<void> {
    const { pod } = reservation
    const wait = new AbortController()
    this.#waits.set(pod.metadata.uid!, wait)
    if (signal.aborted) wait.abort(signal.reason)
    let setback: Setback | undefined
    try {
      setback = (await reservation.permit(wait.signal)) ?? (await reservation.preBind(wait.signal))
    } finally {
      this.#waits.delete(pod.metadata.uid!)
    }
    if (setback === undefined && !wait.signal.aborted) return this.#bind(reservation, signal)
    await this.#takeBack(reservation, wait.signal.aborted ? undefined : setback, signal)
  }

  async #bind(reservation: Reservation, signal: AbortSignal): Promise<void> {
    const { pod, node } = reservation
    const writing: Promise<void> = this.#writeBinding(pod, node, signal).finally(() => this.#bindings.delete(writing))
    this.#bindings.add(writing)
    try {
      await writing
    } catch (error) {
      const setback = isReason(error, 'NotFound') ? undefined : failed('running Bind', 'DefaultBinder', error)
      return this.#takeBack(reservation, setback, signal)
    }
    this.#queue.remove(pod)
    const { name, namespace } = pod.metadata
    this.#record(pod, 'Normal', 'Scheduled', `Successfully assigned ${namespace}/${name} to ${node}`)
  }

  async #writeBinding({ metadata }: Pod, node: string, signal: AbortSignal): Promise<void> {
    const { name, namespace = '', uid } = metadata
    await this.#options.client.createSubresource(
      pods,
      { name, namespace },
      'binding',
      {
        apiVersion: 'v1',
        kind: bindings.kind,
        metadata: { name, namespace, uid: uid! },
        target: { kind: 'Node', name: node },
      },
      { signal },
    )
  }

  /** Frees a node again for which a pod was meant; without a setback the pod is gone, or the scheduler stops. */
  async #takeBack(reservation: Reservation, setback: Setback | undefined, signal: AbortSignal): Promise<void> {
    const { pod } = reservation
    reservation.unreserve()
    this.#cache.forget(pod)
    if (setback === undefined || signal.aborted) return this.#queue.remove(pod)
    const told = this.#setBack(pod, setback)
    // What it held is free again, as if it had been deleted. It waits itself already and must not be woken by that.
    this.#queue.changed({ resource: 'pods', action: 'delete' }, pod)
    await told
  }

  /** Puts a pod back whose node was chosen, and says why it did not get there. */
  #setBack(pod: Pod, setback: Setback): Promise<void> {
    if ('rejection' in setback) return this.#unschedulable(pod, { nodes: 1, rejections: [setback.rejection] }, false)
    const { message } = setback.error
    this.#queue.putBack(pod, new Set())
    this.#record(pod, 'Warning', 'FailedScheduling', message)
    return this.#writeCondition(pod, { reason: 'SchedulerError', message })
  }

  /** `preempts`: whether the pod may make room for itself, as it may not once it had a node. */
  async #unschedulable(pod: Pod, diagnosis: Diagnosis, preempts = true): Promise<void> {
    const message = failureMessage(diagnosis, preempts ? preemptionText(pod, diagnosis) : undefined)
    const rejectedBy = new Set(diagnosis.rejections.map(({ plugin }) => plugin))
    if (diagnosis.whole !== undefined) rejectedBy.add(diagnosis.whole.plugin)
    // Without a single node any new one may do.
    if (diagnosis.nodes === 0) for (const { plugin } of this.#plugins) rejectedBy.add(plugin.name)
    this.#queue.putBack(pod, rejectedBy)
    this.#record(pod, 'Warning', 'FailedScheduling', message)
    this.#options.causes.record({ kind: 'Pod', ...placeOf(pod) }, this.#name, { reason: 'Unschedulable', message })
    await this.#writeCondition(pod, { reason: 'Unschedulable', message })
  }

  /** Sets `PodScheduled` to False, unless it says the same already. */
  async #writeCondition(
    pod: Pod,
    { reason, message }: { readonly reason: string; readonly message: string },
  ): Promise<void> {
    const known = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled')
    if (known?.status === 'False' && known.reason === reason && known.message === message) return
    const now = timeText(this.#options.clock.now())
    const condition: PodCondition = {
      type: 'PodScheduled',
      status: 'False',
      reason,
      message,
      lastProbeTime: null as never,
      lastTransitionTime: known?.status === 'False' ? (known.lastTransitionTime ?? now) : now,
      ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
    }
    try {
      await this.#options.client.patchStatus(pods, pod.metadata, {
        type: 'strategic',
        body: { status: { conditions: [condition] } },
      })
    } catch (error) {
      if (!isReason(error, 'NotFound')) this.#options.report?.('Cannot write why a pod has no node', error)
    }
  }

  #record(pod: Pod, type: 'Normal' | 'Warning', reason: string, message: string): void {
    const action = reason === 'Scheduled' ? 'Binding' : 'Scheduling'
    this.#options.events.recordAction(referenceTo(pods, pod), { type, reason, message, action })
  }

  /** Lets work go on beside the loop; what goes wrong in it is reported, since nobody waits for it. */
  #inBackground(work: Promise<void>, pod: Pod): void {
    const ended: Promise<void> = work
      .catch((error: unknown) =>
        this.#options.report?.(`Cannot schedule pod ${pod.metadata.namespace}/${pod.metadata.name}`, error),
      )
      .finally(() => this.#background.delete(ended))
    this.#background.add(ended)
  }
}

function placeOf({ metadata }: Pod): { readonly name: string; readonly namespace: string } {
  return { name: metadata.name, namespace: metadata.namespace ?? '' }
}

/** A pod that ended uses nothing, although its object is still there. */
function isFinished({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed'
}

/** Whether a node changed in anything that a plugin looks at; heartbeats change only the rest. */
function mattersToPods(old: Node, node: Node): boolean {
  const told = ({ metadata, spec, status }: Node): string =>
    JSON.stringify([metadata.labels, spec.unschedulable, spec.taints, status?.allocatable, status?.images?.length])
  return told(old) !== told(node)
}

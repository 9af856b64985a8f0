/**
 * The scheduler: gives every pod without a node the best one there is. `cycle.ts` decides, `queue.ts` says who is next,
 * `cache.ts` knows the cluster, `plugins/` hold the rules, `preemption/` makes room for pods that fit nowhere. Nothing here
 * runs pods or moves them once they are bound.
 */
import { nodes, type Node } from '#api/core/v1/node.ts'
import { bindings } from '#api/core/v1/binding.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import { podDisruptionBudgets, type PodDisruptionBudget } from '#api/policy/v1/podDisruptionBudget.ts'
import type { Causes } from '#client/causes.ts'
import type { Client } from '#client/client.ts'
import type { EventWriter } from '#client/events.ts'
import type { Change, Informer } from '#client/informer.ts'
import type { Informers } from '#client/informers.ts'
import { Turns } from '#lib/async/turns.ts'
import type { Clock } from '#lib/clock.ts'
import type { Component } from '#lib/component.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import type { Random } from '#lib/random.ts'
import { isReason } from '#machinery/status.ts'
import { SchedulerCache } from './cache.ts'
import type { AlsoTest, Fitting } from './cycle.ts'
import { failureMessage, preemptionMessage } from './diagnosis.ts'
import { namespaceLabels } from './namespaceLabels.ts'
import { Nominations } from './nominations.ts'
import { PodReports, type Failure } from './podReports.ts'
import { chooseCandidate } from './preemption/choose.ts'
import { makeRoom } from './preemption/evict.ts'
import { planPreemption, usualPreemption } from './preemption/plan.ts'
import { Trial } from './preemption/trial.ts'
import type { Candidate } from './preemption/victims.ts'
import { defaultSchedulerName, findGate, makeProfile, type Profile } from './profile.ts'
import { defaultPlugins } from '#scheduler/plugins/index.ts'
import { SchedulingQueue, type QueuedPod } from './queue.ts'
import { failed, Reservation, type Setback } from './reservation.ts'
import { siblingFinder } from './siblings.ts'
import { volumeObjects } from './volumes/volumeObjects.ts'
import { followWatched } from './watched.ts'

export interface SchedulerOptions {
  readonly client: Client
  readonly informers: Informers
  readonly events: Pick<EventWriter, 'recorder'>
  readonly causes: Causes
  readonly clock: Clock
  readonly random: Random
  readonly report?: (problem: string, error: unknown) => void
  /** How pods are placed, by scheduler name; pods of other names are left alone. One with the usual plugins when absent. */
  readonly profiles?: readonly Profile[]
}

/** How many bindings may be on their way at once. */
const mostBindings = 64

/** The scheduler as a part of a process. */
export function schedulerComponent(options: SchedulerOptions): Component {
  const scheduler = new Scheduler(options)
  return {
    name: 'scheduler',
    needs: ['api-server'],
    run: (ready, signal) => scheduler.run(ready, signal),
  }
}

/** What a pod waits for between the decision and the binding. */
interface Wait {
  readonly abort: AbortController
  /** Whether plugins still have to let it go. */
  isHeld: boolean
}

class Scheduler {
  readonly #options: SchedulerOptions
  readonly #profiles: ReadonlyMap<string, Profile>
  readonly #cache = new SchedulerCache()
  readonly #nominations = new Nominations()
  readonly #queue: SchedulingQueue
  readonly #reports: PodReports
  readonly #pods: Informer<Pod>
  readonly #nodes: Informer<Node>
  readonly #budgets: Informer<PodDisruptionBudget>
  readonly #follow: () => Disposable
  /** Bindings that are being written. */
  readonly #bindings = new Set<Promise<void>>()
  /** All that goes on beside the loop. */
  readonly #background = new Set<Promise<void>>()
  /** By the uid of the pod. */
  readonly #waits = new Map<string, Wait>()

  constructor(options: SchedulerOptions) {
    const { clock, informers, events } = options
    this.#options = options
    this.#pods = informers.of(pods)
    this.#nodes = informers.of(nodes)
    this.#budgets = informers.of(podDisruptionBudgets)
    const profiles = options.profiles ?? [
      makeProfile({
        schedulerName: defaultSchedulerName,
        plugins: defaultPlugins({
          siblingsOf: siblingFinder(informers),
          namespaces: namespaceLabels(informers),
          volumes: volumeObjects(informers, options.client, clock),
        }),
        preemption: usualPreemption,
      }),
    ]
    this.#profiles = new Map(profiles.map((profile) => [profile.schedulerName, profile]))
    this.#queue = new SchedulingQueue({ clock, rulesOf: (pod) => this.#profileOf(pod)!.rules })
    this.#reports = new PodReports({ ...options, eventsOf: (name) => events.recorder(name) })
    this.#follow = followWatched(informers, profiles, (change) => this.#queue.changed(change))
  }

  async run(ready: () => void, signal: AbortSignal): Promise<void> {
    const close = (): void => this.#queue.close()
    signal.addEventListener('abort', close, { once: true })
    await this.#options.informers.synced(signal)
    using _nodes = this.#nodes.onChange((change) => this.#nodeChanged(change))
    using _pods = this.#pods.onChange((change) => this.#podChanged(change))
    using _others = this.#follow()
    ready()
    const turns = new Turns(this.#options.clock)
    for (let next = await this.#queue.take(); next !== undefined; next = await this.#queue.take()) {
      const turn = turns.pass()
      if (turn !== undefined) await turn
      this.#attempt(next, signal)
      while (this.#bindings.size >= mostBindings) await Promise.race(this.#bindings)
    }
    for (const { abort } of this.#waits.values()) abort.abort(signal.reason)
    await Promise.all(this.#background)
  }

  #profileOf({ spec }: Pod): Profile | undefined {
    return this.#profiles.get(spec.schedulerName ?? defaultSchedulerName)
  }

  #nodeChanged({ old, new: node }: Change<Node>): void {
    if (node === undefined) {
      this.#cache.removeNode(old!.metadata.name)
      this.#queue.changed({ resource: 'nodes', action: 'delete', oldNode: old! })
      return
    }
    this.#cache.setNode(node)
    if (old === undefined) this.#queue.changed({ resource: 'nodes', action: 'add', node })
    else if (mattersToPods(old, node)) this.#queue.changed({ resource: 'nodes', action: 'update', node, oldNode: old })
  }

  #podChanged({ old, new: pod }: Change<Pod>): void {
    if (pod === undefined) this.#podGone(old!)
    else if (isFinished(pod)) this.#podGone(pod)
    else if (isPlaced(pod)) this.#podPlaced(old, pod)
    else if (this.#profileOf(pod) !== undefined && pod.metadata.deletionTimestamp === undefined) {
      if (!this.#cache.isAssumed(pod)) this.#enqueue(old, pod)
    } else this.#leaveAlone(pod)
  }

  #podPlaced(old: Pod | undefined, pod: Pod): void {
    this.#cache.setPod(pod)
    if (old !== undefined && isPlaced(old)) {
      if (!this.#queue.awaitsChanges || !mattersToOthers(old, pod)) return
      this.#queue.changed({ resource: 'pods', action: 'update', changedPod: pod, oldChangedPod: old })
      return
    }
    this.#leaveAlone(pod)
    if (old !== undefined) this.#reports.settled(pod)
    this.#queue.changed({ resource: 'pods', action: 'add', changedPod: pod })
  }

  #podGone(pod: Pod): void {
    this.#leaveAlone(pod)
    this.#waits.get(pod.metadata.uid!)?.abort.abort(new Error(`pod "${pod.metadata.name}" does not exist any more`))
    this.#cache.removePod(pod)
    if (isPlaced(pod)) this.#queue.changed({ resource: 'pods', action: 'delete', oldChangedPod: pod })
  }

  #leaveAlone(pod: Pod): void {
    this.#queue.remove(pod)
    this.#nominations.remove(pod)
  }

  #enqueue(old: Pod | undefined, pod: Pod): void {
    const gate = findGate(this.#profileOf(pod)!, pod)
    this.#nominations.follow(old, pod)
    this.#queue.set(pod, gate !== undefined)
    if (gate === undefined) return
    this.#reports.gated(pod, { reason: 'SchedulingGated', message: gate.reason })
  }

  /** One attempt for one pod: decide now, write later, so that the next pod need not wait for the store. */
  #attempt({ pod }: QueuedPod, signal: AbortSignal): void {
    const profile = this.#profileOf(pod)!
    const fitting = profile.placement.findFitting(pod, this.#cache.snapshot(), this.#promiseTest(pod))
    if (fitting.positions.length === 0) this.#makeRoomOrWait(profile, pod, fitting, signal)
    else this.#place(profile, pod, fitting, signal)
  }

  /** Sees to it that a node is not given away twice: to this pod, and to one that it is promised to. */
  #promiseTest(pod: Pod): AlsoTest | undefined {
    if (this.#nominations.isEmpty) return undefined
    return (node, hooks) => {
      const promised = this.#nominations.ahead(pod, node.name)
      return promised.length === 0 ? undefined : new Trial(pod, node, hooks).with({ added: promised }).objection()
    }
  }

  #place(profile: Profile, pod: Pod, fitting: Fitting, signal: AbortSignal): void {
    const promised = this.#nominations.nodeOf(pod)
    const isPromised = (at: number): boolean => fitting.nodes[at]!.name === promised
    const at = promised === undefined ? undefined : fitting.positions.find(isPromised)
    const node = at === undefined ? profile.placement.choose(pod, fitting, this.#options.random) : fitting.nodes[at]!
    this.#nominations.remove(pod)
    this.#cache.assume(pod, node.name)
    const reservation = new Reservation(pod, node.name, fitting.hooks)
    const setback = reservation.reserve()
    if (setback !== undefined) {
      reservation.unreserve()
      this.#cache.forget(pod)
      this.#inBackground(this.#setBack(pod, setback), pod)
    } else if (reservation.waits) this.#inBackground(this.#bindAfterWaiting(reservation, signal), pod)
    else {
      this.#queue.leave(pod)
      this.#inBackground(this.#bind(reservation, signal), pod)
    }
  }

  /** Binds a pod once its plugins let it go and have prepared what it needs. */
  async #bindAfterWaiting(reservation: Reservation, signal: AbortSignal): Promise<void> {
    const { pod } = reservation
    const wait: Wait = { abort: new AbortController(), isHeld: true }
    this.#waits.set(pod.metadata.uid!, wait)
    if (signal.aborted) wait.abort.abort(signal.reason)
    let setback: Setback | undefined
    try {
      setback = await reservation.permit(wait.abort.signal)
      if (setback === undefined && !wait.abort.signal.aborted) {
        wait.isHeld = false
        this.#queue.leave(pod)
        setback = await reservation.preBind(wait.abort.signal)
      }
    } finally {
      this.#waits.delete(pod.metadata.uid!)
    }
    const { aborted, reason } = wait.abort.signal
    if (aborted) return this.#takeBack(reservation, reason instanceof Preempted ? reason.setback : undefined, signal)
    if (setback === undefined) return this.#bind(reservation, signal)
    await this.#takeBack(reservation, setback, signal)
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
    this.#reports.scheduled(pod, node)
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
    const { pod, node } = reservation
    reservation.unreserve()
    this.#cache.forget(pod)
    if (setback === undefined || signal.aborted) return this.#queue.remove(pod)
    const told = this.#setBack(pod, setback)
    // What it held is free again, as if it had been deleted. It waits itself already and must not be woken by that.
    const gone = { ...pod, spec: { ...pod.spec, nodeName: node } }
    this.#queue.changed({ resource: 'pods', action: 'delete', oldChangedPod: gone }, pod)
    await told
  }

  /** Puts a pod back whose node was chosen, and says why it did not get there. */
  #setBack(pod: Pod, setback: Setback): Promise<void> {
    if ('error' in setback) {
      return this.#putBack(pod, new Set(), { reason: 'SchedulerError', message: setback.error.message, nominated: '' })
    }
    const { rejection } = setback
    const message = failureMessage({ nodes: 1, rejections: [rejection] })
    return this.#putBack(pod, new Set([rejection.plugin]), { reason: 'Unschedulable', message, nominated: '' })
  }

  /** A pod fits nowhere: sends others away for it where that helps, or lets it wait. */
  #makeRoomOrWait(profile: Profile, pod: Pod, fitting: Fitting, signal: AbortSignal): void {
    const { diagnosis } = fitting
    const rejectedBy = new Set(diagnosis.rejections.map(({ plugin }) => plugin))
    if (diagnosis.whole !== undefined) rejectedBy.add(diagnosis.whole.plugin)
    // Without a single node any new one may do.
    if (diagnosis.nodes === 0) for (const { plugin } of profile.plugins) rejectedBy.add(plugin.name)
    const failure = { reason: 'Unschedulable', message: failureMessage(diagnosis) } as const
    const { preemption } = profile
    if (preemption === undefined || diagnosis.nodes === 0) {
      return this.#inBackground(this.#putBack(pod, rejectedBy, { ...failure, nominated: '' }), pod)
    }
    const { clock, random } = this.#options
    const now = clock.now()
    const budgets = this.#budgets.list()
    const plan = planPreemption({
      pod,
      attempt: { nodes: fitting.nodes, hooks: fitting.hooks, diagnosis },
      nominations: this.#nominations,
      budgets,
      options: preemption,
      now,
      random,
    })
    if (plan.kind === 'candidates') {
      const chosen = chooseCandidate(plan.candidates, now)!
      return this.#inBackground(this.#preempt(pod, chosen, rejectedBy, failure, signal), pod)
    }
    const message = failureMessage(diagnosis, preemptionMessage(plan.message))
    const nominated = plan.kind === 'hopeless' ? { nominated: '' } : {}
    this.#inBackground(this.#putBack(pod, rejectedBy, { ...failure, message, ...nominated }), pod)
  }

  /** Sends the victims away. The pod counts as being scheduled until that is done, so it is not tried meanwhile. */
  async #preempt(
    pod: Pod,
    candidate: Candidate,
    rejectedBy: ReadonlySet<string>,
    failure: Failure,
    signal: AbortSignal,
  ): Promise<void> {
    const { node } = candidate
    const lower = this.#nominations.behind(pod, node)
    this.#nominations.set(pod, node)
    const told = this.#reports.failed(pod, { ...failure, nominated: node })
    const { client, events, clock } = this.#options
    const context = {
      client,
      clock,
      signal,
      events: events.recorder(pod.spec.schedulerName ?? defaultSchedulerName),
      turnAway: (victim: Pod) => this.#turnAway(victim, node),
    }
    try {
      await makeRoom(context, pod, candidate, lower)
      this.#queue.putBack(pod, rejectedBy)
    } catch (error) {
      this.#queue.putBack(pod, rejectedBy)
      this.#queue.activate(pod)
      if (!signal.aborted) throw error
    } finally {
      await told
    }
  }

  /** Refuses a victim the node that it waits to be let go to. */
  #turnAway(victim: Pod, node: string): boolean {
    const wait = this.#waits.get(victim.metadata.uid!)
    if (wait?.isHeld !== true) return false
    wait.abort.abort(new Preempted(node))
    return true
  }

  /** Gives a pod back to the queue and says why; resolves once its status says so too. */
  #putBack(pod: Pod, rejectedBy: ReadonlySet<string>, failure: Failure): Promise<void> {
    this.#queue.putBack(pod, rejectedBy)
    if (failure.nominated !== undefined) this.#nominations.set(pod, failure.nominated)
    return this.#reports.failed(pod, failure)
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

/** Why a pod is refused the node that it waited to be let go to. */
class Preempted extends Error {
  override name = 'Preempted'
  readonly setback: Setback

  constructor(node: string) {
    super('preempted')
    this.setback = { rejection: { node, plugin: 'DefaultPreemption', rejection: { reason: 'preempted' } } }
  }
}

function isPlaced({ spec }: Pod): boolean {
  return (spec.nodeName ?? '') !== ''
}

/** A pod that ended uses nothing, although its object is still there. */
function isFinished({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed'
}

/** Whether a placed pod changed in anything that lets others fit. That it ends does not: it holds what it has until it is gone. */
function mattersToOthers(old: Pod, pod: Pod): boolean {
  const resized = ({ status }: Pod): unknown =>
    status?.containerStatuses?.map(({ allocatedResources }) => allocatedResources)
  return (
    !sameJson(old.metadata.labels, pod.metadata.labels) ||
    !sameJson(old.spec, pod.spec) ||
    !sameJson(resized(old), resized(pod))
  )
}

/** Whether a node changed in anything that a plugin looks at; heartbeats change only the rest. */
function mattersToPods(old: Node, node: Node): boolean {
  const told = ({ metadata, spec, status }: Node): string =>
    JSON.stringify([metadata.labels, spec.unschedulable, spec.taints, status?.allocatable, status?.images?.length])
  return told(old) !== told(node)
}

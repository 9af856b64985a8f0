import { bindings } from '#api/core/v1/binding.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import type { PodDisruptionBudget } from '#api/policy/v1/podDisruptionBudget.ts'
import type { Cause } from '#client/causes.ts'
import type { Client } from '#client/client.ts'
import type { EventWriter } from '#client/events.ts'
import type { Clock } from '#lib/clock.ts'
import { messageOf } from '#lib/errorText.ts'
import type { Random } from '#lib/random.ts'
import { isReason } from '#machinery/status.ts'
import type { SchedulerCache } from './cache.ts'
import type { Considered, Diagnosis, Fitting } from './cycle.ts'
import { failureMessage, preemptionError, preemptionMessage } from './diagnosis.ts'
import { explain } from './explanation/explain.ts'
import type { Extender } from './extenders/extender.ts'
import {
  bindByExtenders,
  filterByExtenders,
  preemptByExtenders,
  scoreByExtenders,
  type TellIgnored,
} from './extenders/rounds.ts'
import type { Nominations } from './nominations.ts'
import type { Failure, PodReports } from './podReports.ts'
import { chooseCandidate } from './preemption/choose.ts'
import { makeRoom } from './preemption/evict.ts'
import { planPreemption, type PreemptionOptions } from './preemption/plan.ts'
import type { Candidate } from './preemption/victims.ts'
import { defaultSchedulerName, type Profile } from './profile.ts'
import { promiseTest } from './promiseTest.ts'
import type { ClusterChange, SchedulingQueue } from './queue.ts'
import type { PointStatus, SchedulerMetrics } from './schedulerMetrics.ts'
import { failed, Reservation, type Setback } from './reservation.ts'

/** How many bindings may be on their way at once. */
const mostBindings = 64

export interface AttemptContext {
  readonly client: Client
  readonly events: Pick<EventWriter, 'recorder'>
  readonly clock: Clock
  readonly random: Random
  readonly cache: SchedulerCache
  readonly queue: SchedulingQueue
  readonly nominations: Nominations
  readonly reports: PodReports
  readonly budgets: () => readonly PodDisruptionBudget[]
  readonly extenders: readonly Extender[]
  readonly report?: (problem: string, error: unknown) => void
  /** Where it is counted what becomes of attempts; nowhere when absent. */
  readonly counts?: SchedulerMetrics
}

/** What a pod waits for between the decision and the binding. */
interface Wait {
  readonly abort: AbortController
  /** Whether plugins still have to let it go. */
  isHeld: boolean
}

/** Attempts to give pods their nodes: what was decided in the loop, and what follows from it beside the loop. */
export class Attempts {
  readonly #context: AttemptContext
  /** Aborts when the scheduler ends. */
  readonly #signal: AbortSignal
  /** Bindings that are being written. */
  readonly #bindings = new Set<Promise<void>>()
  /** All that goes on beside the loop. */
  readonly #background = new Set<Promise<void>>()
  /** By the uid of the pod. */
  readonly #waits = new Map<string, Wait>()
  /** Told once a pod that was sent away is seen to go, by its uid. */
  readonly #departures = new Map<string, PromiseWithResolvers<void>>()

  constructor(context: AttemptContext, signal: AbortSignal) {
    this.#context = context
    this.#signal = signal
  }

  /**
   * One attempt for one pod: decide now, write later, so that the next pod need not wait for the store. What it returns is
   * to be waited for before the next pod: somebody outside is asked, or enough bindings are on their way.
   */
  attempt(pod: Pod, profile: Profile): Promise<void> | undefined {
    const { cache, clock, counts, nominations, queue, reports } = this.#context
    if (pod.metadata.deletionTimestamp !== undefined) {
      queue.remove(pod)
      reports.skipped(pod)
      return undefined
    }
    const extenders = this.#context.extenders.filter((extender) => extender.isInterested(pod))
    // An extender may turn down the node that was promised, and is then asked about the others.
    const first = extenders.length > 0 ? undefined : nominations.nodeOf(pod)
    const started = clock.now()
    const fitting = profile.placement.findFitting(pod, cache.snapshot(), promiseTest(pod, nominations), first)
    counts?.passed('Filter', pod, started)
    if (extenders.length > 0) return this.#attemptWith(extenders, pod, profile, fitting)
    if (fitting.isAny) this.#place(pod, profile, fitting)
    else void this.#preemptOrWait(pod, profile, fitting, fitting.diagnosis)
    return this.#bindings.size >= mostBindings ? Promise.race(this.#bindings) : undefined
  }

  /** The pod is gone: whatever it waited for is given up. */
  drop(pod: Pod): void {
    this.#waits.get(pod.metadata.uid!)?.abort.abort(new Error(`pod "${pod.metadata.name}" does not exist any more`))
    this.goes(pod)
  }

  /** The pod is on its way out. */
  ends(pod: Pod): void {
    if (takesTime(pod)) this.goes(pod)
  }

  /** The pod is gone from its node, or takes its time until it is. */
  goes({ metadata }: Pod): void {
    this.#departures.get(metadata.uid!)?.resolve()
    this.#departures.delete(metadata.uid!)
  }

  /** Gives up what pods wait for; resolves once nothing goes on any more. */
  async end(): Promise<void> {
    for (const { abort } of this.#waits.values()) abort.abort(this.#signal.reason)
    for (const { resolve } of this.#departures.values()) resolve()
    await Promise.all(this.#background)
  }

  async #attemptWith(extenders: readonly Extender[], pod: Pod, profile: Profile, fitting: Fitting): Promise<void> {
    try {
      const { cluster, hooks, verdicts, nodes } = fitting
      // Found out now: when the extenders have answered, other pods may have been looked at.
      const { nodes: count, rejections: own, whole } = fitting.diagnosis
      const filtered = await filterByExtenders(extenders, pod, fitting, this.#tellIgnored)
      const { positions } = filtered
      if (positions.length > 0) {
        const views = [...positions].map((at) => nodes[at]!)
        const further =
          views.length === 1 ? undefined : await scoreByExtenders(extenders, pod, views, this.#tellIgnored)
        this.#place(pod, profile, { cluster, hooks, verdicts, nodes, positions }, further, extenders)
        return
      }
      const rejections = [...own, ...filtered.rejections]
      const diagnosis = { nodes: count, rejections, ...(whole === undefined ? {} : { whole }) }
      await this.#preemptOrWait(pod, profile, fitting, diagnosis, extenders)
    } catch (error) {
      this.#inBackground(this.#setBack(pod, { error: error as Error }), pod)
    }
  }

  readonly #tellIgnored: TellIgnored = (extender, error) =>
    this.#context.report?.(`Extender ${extender.name} failed and is passed over`, error)

  #place(
    pod: Pod,
    profile: Profile,
    considered: Considered,
    further?: Float64Array,
    extenders: readonly Extender[] = [],
  ): void {
    const { cache, clock, counts, nominations, queue, random } = this.#context
    const { nodes, hooks } = considered
    const started = clock.now()
    const promised = nominations.nodeOf(pod)
    const at = promised === undefined ? undefined : considered.positions.find((each) => nodes[each]!.name === promised)
    const node = at === undefined ? profile.placement.choose(pod, considered, random, further) : nodes[at]!
    counts?.passed('Score', pod, started)
    counts?.decided(pod)
    nominations.remove(pod)
    cache.assume(pod, node.name)
    const reservation = new Reservation(pod, node.name, hooks)
    const reserving = clock.now()
    const setback = reservation.reserve()
    counts?.passed('Reserve', pod, reserving, statusOf(setback))
    if (setback !== undefined) {
      reservation.unreserve()
      cache.forget(pod)
      this.#inBackground(this.#setBack(pod, setback), pod)
    } else if (reservation.waits) this.#inBackground(this.#bindAfterWaiting(reservation, extenders), pod)
    else {
      queue.leave(pod)
      this.#inBackground(this.#bind(reservation, extenders), pod)
    }
  }

  /** Binds a pod once its plugins let it go and have prepared what it needs. */
  async #bindAfterWaiting(reservation: Reservation, extenders: readonly Extender[]): Promise<void> {
    const { pod } = reservation
    const { clock, counts } = this.#context
    const wait: Wait = { abort: new AbortController(), isHeld: true }
    this.#waits.set(pod.metadata.uid!, wait)
    if (this.#signal.aborted) wait.abort.abort(this.#signal.reason)
    let setback: Setback | undefined
    try {
      const permitting = clock.now()
      setback = await reservation.permit(wait.abort.signal)
      counts?.passed('Permit', pod, permitting, statusOf(setback))
      if (setback === undefined && !wait.abort.signal.aborted) {
        wait.isHeld = false
        this.#context.queue.leave(pod)
        const preparing = clock.now()
        setback = await reservation.preBind(wait.abort.signal)
        counts?.passed('PreBind', pod, preparing, statusOf(setback))
      }
    } finally {
      this.#waits.delete(pod.metadata.uid!)
    }
    const { aborted, reason } = wait.abort.signal
    if (aborted) return this.#takeBack(reservation, reason instanceof Preempted ? reason.setback : undefined)
    if (setback === undefined) return this.#bind(reservation, extenders)
    await this.#takeBack(reservation, setback)
  }

  async #bind(reservation: Reservation, extenders: readonly Extender[]): Promise<void> {
    const { pod, node } = reservation
    const { clock, counts } = this.#context
    const binding = clock.now()
    const writing = this.#letBind(pod, node, extenders).finally(() => this.#bindings.delete(settled))
    const settled: Promise<void> = writing.then(
      () => {},
      () => {},
    )
    this.#bindings.add(settled)
    let setback: Setback | undefined
    try {
      setback = await writing
      counts?.passed('Bind', pod, binding, statusOf(setback))
    } catch (error) {
      counts?.passed('Bind', pod, binding, 'Error')
      const isGone = isReason(error, 'NotFound')
      return this.#takeBack(reservation, isGone ? undefined : failed('running Bind', 'DefaultBinder', error))
    }
    if (setback !== undefined) return this.#takeBack(reservation, setback)
    this.#context.queue.remove(pod)
    this.#context.reports.scheduled(pod, node)
  }

  /** Binds, by an extender that does so or else by a binding of our own. */
  async #letBind(pod: Pod, node: string, extenders: readonly Extender[]): Promise<Setback | undefined> {
    try {
      if (await bindByExtenders(extenders, pod, node, this.#tellIgnored)) return undefined
    } catch (error) {
      return { error: error as Error }
    }
    const { name, namespace = '', uid } = pod.metadata
    await this.#context.client.createSubresource(
      pods,
      { name, namespace },
      'binding',
      {
        apiVersion: 'v1',
        kind: bindings.kind,
        metadata: { name, namespace, uid: uid! },
        target: { kind: 'Node', name: node },
      },
      { signal: this.#signal },
    )
    return undefined
  }

  /** Frees a node again for which a pod was meant; without a setback the pod is gone, or the scheduler stops. */
  async #takeBack(reservation: Reservation, setback: Setback | undefined): Promise<void> {
    const { cache, queue } = this.#context
    const { pod, node } = reservation
    reservation.unreserve()
    cache.forget(pod)
    this.goes(pod)
    if (setback === undefined || this.#signal.aborted) {
      this.#context.counts?.drop(pod)
      return queue.remove(pod)
    }
    const told = this.#setBack(pod, setback)
    // What it held is free again, as if it had been deleted. It waits itself already and must not be woken by that.
    const gone = { ...pod, spec: { ...pod.spec, nodeName: node } }
    queue.changed(
      { resource: 'pods', action: 'delete', oldChangedPod: gone },
      ({ metadata }) => metadata.uid !== pod.metadata.uid,
    )
    await told
  }

  /** Puts a pod back whose node was chosen, and says why it did not get there. */
  #setBack(pod: Pod, setback: Setback): Promise<void> {
    if ('error' in setback) {
      const failure = { reason: 'SchedulerError', message: messageOf(setback.error), nominated: '' } as const
      return this.#putBack(pod, new Set(), failure)
    }
    const { rejection } = setback
    const message = failureMessage({ nodes: 1, rejections: [rejection] })
    return this.#putBack(pod, new Set([rejection.plugin]), { reason: 'Unschedulable', message, nominated: '' })
  }

  /** A pod fits nowhere: sends others away for it where that helps, or lets it wait. */
  #preemptOrWait(
    pod: Pod,
    profile: Profile,
    { nodes, hooks, cluster, verdicts }: Fitting,
    diagnosis: Diagnosis,
    extenders: readonly Extender[] = [],
  ): Promise<void> | undefined {
    const { clock, counts, random, nominations, budgets } = this.#context
    const rejectedBy = rejectersOf(diagnosis)
    counts?.decided(pod)
    const attempt = { cluster, nodes, hooks, verdicts, diagnosis }
    const because = (message: string): Failure => {
      return { reason: 'Unschedulable', message, cause: explain(pod, attempt, message) }
    }
    const plain = failureMessage(diagnosis)
    const { preemption } = profile
    if (preemption === undefined || diagnosis.nodes === 0) {
      this.#inBackground(this.#putBack(pod, rejectedBy, { ...because(plain), nominated: '' }), pod)
      return undefined
    }
    const now = clock.now()
    const rest: { readonly options: PreemptionOptions; readonly now: number } = { options: preemption, now }
    const plan = planPreemption({ pod, attempt, nominations, budgets: budgets(), random, ...rest })
    counts?.preempts()
    counts?.passed(
      'PostFilter',
      pod,
      now,
      plan.kind === 'candidates' ? 'Success' : plan.kind === 'undecidable' ? 'Error' : 'Unschedulable',
    )
    if (plan.kind !== 'candidates') {
      const told = plan.kind === 'undecidable' ? preemptionError(plan.message) : preemptionMessage(plan.message)
      const message = failureMessage(diagnosis, told)
      const nominated = plan.kind === 'hopeless' ? { nominated: '' } : {}
      this.#inBackground(this.#putBack(pod, rejectedBy, { ...because(message), ...nominated }), pod)
      return undefined
    }
    const preempt = (candidates: readonly Candidate[]): void => {
      const chosen = chooseCandidate(candidates, now)
      if (chosen !== undefined) return this.#inBackground(this.#preempt(pod, chosen, rejectedBy, plain), pod)
      const message = failureMessage(diagnosis, preemptionMessage('no candidate node for preemption'))
      this.#inBackground(this.#putBack(pod, rejectedBy, because(message)), pod)
    }
    if (extenders.length === 0) {
      preempt(plan.candidates)
      return undefined
    }
    const viewOf = (name: string) => nodes[cluster.positionOf(name) ?? -1]
    return preemptByExtenders(extenders, pod, plan.candidates, viewOf, this.#tellIgnored).then(preempt, (error) => {
      const message = failureMessage(diagnosis, preemptionError(messageOf(error)))
      this.#inBackground(this.#putBack(pod, rejectedBy, because(message)), pod)
    })
  }

  /** Sends the victims away. The pod counts as being scheduled until that is done, so it is not tried meanwhile. */
  async #preempt(pod: Pod, candidate: Candidate, rejectedBy: ReadonlySet<string>, message: string): Promise<void> {
    const { client, clock, events, nominations, queue, reports } = this.#context
    const { node } = candidate
    this.#context.counts?.sendsAway(candidate.victims.length)
    const lower = nominations.behind(pod, node)
    nominations.set(pod, node)
    const cause = waitingFor(candidate)
    const told = reports.failed(pod, { reason: 'Unschedulable', message, nominated: node, cause })
    const context = {
      client,
      clock,
      signal: this.#signal,
      events: events.recorder(pod.spec.schedulerName ?? defaultSchedulerName),
      turnAway: (victim: Pod) => this.#turnAway(victim, node),
    }
    try {
      await makeRoom(context, pod, candidate, lower)
      // Tried before they are seen to go, it would send the last of them away once more.
      await Promise.all(candidate.victims.map((victim) => this.#untilGoing(victim)))
      queue.putBack(pod, rejectedBy, (change) => this.#endsWait(change, candidate))
    } catch (error) {
      queue.putBack(pod, rejectedBy)
      queue.activate(pod)
      if (!this.#signal.aborted) throw error
    } finally {
      await told
    }
  }

  /** Whether a change is worth another attempt: each victim is in the way, so the end of one is not while another is still there. */
  #endsWait({ resource, action, oldChangedPod }: ClusterChange, { victims }: Candidate): boolean {
    if (resource !== 'pods' || action !== 'delete') return true
    const isVictim = victims.some(({ metadata }) => metadata.uid === oldChangedPod?.metadata.uid)
    return !isVictim || !victims.some((victim) => this.#context.cache.get(victim) !== undefined)
  }

  /** Resolves once the cache knows that a pod which was sent away is gone, or takes its time. */
  async #untilGoing(victim: Pod): Promise<void> {
    const known = this.#context.cache.get(victim)
    if (this.#signal.aborted || known === undefined || takesTime(known)) return
    const uid = victim.metadata.uid!
    const departure = this.#departures.get(uid) ?? Promise.withResolvers<void>()
    this.#departures.set(uid, departure)
    await departure.promise
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
    this.#context.queue.putBack(pod, rejectedBy)
    if (failure.nominated !== undefined) this.#context.nominations.set(pod, failure.nominated)
    return this.#context.reports.failed(pod, failure)
  }

  /** Lets work go on beside the loop; what goes wrong in it is reported, since nobody waits for it. */
  #inBackground(work: Promise<void>, pod: Pod): void {
    const ended: Promise<void> = work
      .catch((error: unknown) =>
        this.#context.report?.(`Cannot schedule pod ${pod.metadata.namespace}/${pod.metadata.name}`, error),
      )
      .finally(() => this.#background.delete(ended))
    this.#background.add(ended)
  }
}

/** What became of the plugins that were asked, as Kubernetes calls it. */
function statusOf(setback: Setback | undefined): PointStatus {
  return setback === undefined ? 'Success' : 'error' in setback ? 'Error' : 'Unschedulable'
}

/** Whether a pod is on its way out and will be there for a while: without time to end, or anybody to wait for, it is gone at once. */
function takesTime({ metadata }: Pod): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, finalizers = [] } = metadata
  return deletionTimestamp !== undefined && (deletionGracePeriodSeconds > 0 || finalizers.length > 0)
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

/** What a pod waits for whose place is being freed. */
function waitingFor({ node, victims }: Candidate): Cause {
  const message = `waits for the end of ${victims.length === 1 ? 'a pod' : `${victims.length} pods`} of lower priority on ${node}`
  const involves = victims.map(({ metadata }) => {
    return { kind: 'Pod', namespace: metadata.namespace ?? '', name: metadata.name }
  })
  return { reason: 'Preempting', message, involves: [{ kind: 'Node', name: node }, ...involves] }
}

/** The plugins whose rules say when a rejected pod is to be looked at again. */
function rejectersOf(diagnosis: Diagnosis): ReadonlySet<string> {
  const { nodes, whole } = diagnosis
  // Without a single node no plugin was asked, and the pod is tried again after its back-off, as if something went wrong.
  if (nodes === 0) return new Set()
  const names = new Set<string>()
  let latest: string | undefined
  for (const { plugin } of diagnosis.summary?.kinds ?? diagnosis.rejections) {
    if (plugin !== latest) names.add(plugin)
    latest = plugin
  }
  if (whole !== undefined) names.add(whole.plugin)
  return names
}

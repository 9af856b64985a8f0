/**
 * The scheduler: gives every pod without a node the best one there is. `cycle.ts` decides, `queue.ts` says who is next,
 * `cache.ts` knows the cluster, `plugins/` hold the rules, `attempts.ts` carries out, `preemption/` makes room for pods that
 * fit nowhere, `configuration/` reads what people want otherwise. Nothing here runs pods or moves them once they are bound.
 */
import { nodes, type Node } from '#api/core/v1/node.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import { podDisruptionBudgets } from '#api/policy/v1/podDisruptionBudget.ts'
import type { Causes } from '#client/causes.ts'
import type { Client } from '#client/client.ts'
import type { EventWriter } from '#client/events.ts'
import type { Change, Informer } from '#client/informer.ts'
import type { Informers } from '#client/informers.ts'
import { Turns } from '#lib/async/turns.ts'
import type { Clock } from '#lib/clock.ts'
import type { Component } from '#lib/component.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import type { MetricRegistry } from '#lib/metrics.ts'
import type { Random } from '#lib/random.ts'
import { podRequestsOnNode, sameResources } from '#machinery/podResources.ts'
import { Attempts } from './attempts.ts'
import { SchedulerCache } from './cache.ts'
import { profilesOf } from './configuration/profiles.ts'
import type { ProfileConfiguration, SchedulerConfiguration } from './configuration/read.ts'
import { Extender, type ExtenderOptions } from './extenders/extender.ts'
import { namespaceLabels } from './namespaceLabels.ts'
import { Nominations } from './nominations.ts'
import { PodReports } from './podReports.ts'
import type { Plugin } from './plugin.ts'
import { priorityOf } from './preemption/importance.ts'
import { defaultSchedulerName, findGate, type Profile } from './profile.ts'
import { defaultPlugins } from '#scheduler/plugins/index.ts'
import { SchedulingQueue } from './queue.ts'
import { SchedulerMetrics } from './schedulerMetrics.ts'
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
  /** Where it counts what it does; nowhere when absent. */
  readonly metrics?: MetricRegistry
  /** As usual where absent: one profile, `default-scheduler`. Pods of other scheduler names are left alone. */
  readonly configuration?: Pick<SchedulerConfiguration, 'profiles' | 'extenders' | 'backoff'>
  /** How the extenders of the configuration are trusted, in their order: the files that it names are for others to read. */
  readonly extenderTls?: readonly ExtenderOptions['tls'][]
  /** Rules of others, asked after our own in every profile. */
  readonly furtherPlugins?: readonly Plugin<any>[]
}

/** The scheduler as a part of a process. */
export function schedulerComponent(options: SchedulerOptions): Component {
  return {
    name: 'scheduler',
    needs: ['api-server'],
    run: (ready, signal) => new Scheduler(options).run(ready, signal),
  }
}

const usualProfile: ProfileConfiguration = { schedulerName: defaultSchedulerName, arguments: {} }

class Scheduler {
  readonly #options: SchedulerOptions
  readonly #profiles: ReadonlyMap<string, Profile>
  readonly #extenders: readonly Extender[]
  readonly #cache = new SchedulerCache()
  readonly #nominations = new Nominations()
  readonly #queue: SchedulingQueue
  readonly #reports: PodReports
  readonly #metrics: SchedulerMetrics | undefined
  readonly #pods: Informer<Pod>
  readonly #nodes: Informer<Node>
  readonly #follow: () => Disposable

  constructor(options: SchedulerOptions) {
    const { clock, informers, events, configuration, extenderTls = [], furtherPlugins = [] } = options
    this.#options = options
    this.#pods = informers.of(pods)
    this.#nodes = informers.of(nodes)
    const { profiles = [usualProfile], extenders = [] } = configuration ?? {}
    const siblingsOf = siblingFinder(informers)
    const namespaces = namespaceLabels(informers)
    const volumes = volumeObjects(informers, options.client, clock)
    const made = profilesOf({ profiles, extenders }, (given) => [
      ...defaultPlugins({ siblingsOf, namespaces, volumes, arguments: given }),
      ...furtherPlugins.map((plugin) => ({ plugin, weight: plugin.score === undefined ? 0 : 1 })),
    ])
    this.#profiles = new Map(made.map((profile) => [profile.schedulerName, profile]))
    this.#extenders = extenders.map((extender, i) => {
      const tls = extenderTls[i]
      return new Extender({ ...extender, clock, ...(tls === undefined ? {} : { tls }) })
    })
    const rulesOf = (pod: Pod) => this.#profileOf(pod)!.rules
    const backoff = configuration === undefined ? {} : { backoff: configuration.backoff }
    this.#queue = new SchedulingQueue({
      clock,
      rulesOf,
      ...backoff,
      entered: (queue, event) => this.#metrics?.entered(queue, event),
    })
    const metrics =
      options.metrics === undefined
        ? undefined
        : new SchedulerMetrics(options.metrics, { queue: this.#queue, cache: this.#cache }, clock)
    this.#metrics = metrics
    this.#reports = new PodReports({
      ...options,
      eventsOf: (name) => events.recorder(name),
      ...(metrics === undefined
        ? {}
        : {
            attempted: (pod, result) => metrics.attempted(pod, result),
            dropped: (pod) => metrics.drop(pod),
          }),
    })
    this.#follow = followWatched(informers, made, (change) => this.#queue.changed(change))
  }

  async run(ready: () => void, signal: AbortSignal): Promise<void> {
    const { informers, clock } = this.#options
    const budgets = informers.of(podDisruptionBudgets)
    const close = (): void => this.#queue.close()
    signal.addEventListener('abort', close, { once: true })
    using stack = new DisposableStack()
    for (const extender of this.#extenders) stack.use(extender)
    await informers.synced(signal)
    const attempts = new Attempts(
      {
        ...this.#options,
        cache: this.#cache,
        queue: this.#queue,
        nominations: this.#nominations,
        reports: this.#reports,
        budgets: () => budgets.list(),
        extenders: this.#extenders,
        ...(this.#metrics === undefined ? {} : { counts: this.#metrics }),
      },
      signal,
    )
    stack.use(this.#nodes.onChange((change) => this.#nodeChanged(change)))
    stack.use(this.#pods.onChange((change) => this.#podChanged(change, attempts)))
    stack.use(this.#follow())
    ready()
    const turns = new Turns(clock)
    for (let next = await this.#queue.take(); next !== undefined; next = await this.#queue.take()) {
      const turn = turns.pass()
      if (turn !== undefined) await turn
      const { pod } = next
      this.#metrics?.begins(next)
      const busy = attempts.attempt(pod, this.#profileOf(pod)!)
      if (busy !== undefined) await busy
    }
    await attempts.end()
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

  #podChanged({ old, new: pod }: Change<Pod>, attempts: Attempts): void {
    if (pod === undefined) this.#podGone(old!, attempts)
    else if (isFinished(pod)) this.#podGone(pod, attempts)
    else if (isPlaced(pod)) this.#podPlaced(old, pod, attempts)
    else if (this.#profileOf(pod) !== undefined) {
      if (!this.#cache.isAssumed(pod)) this.#enqueue(old, pod)
    } else this.#giveUp(pod)
  }

  #podPlaced(old: Pod | undefined, pod: Pod, attempts: Attempts): void {
    this.#cache.setPod(pod)
    attempts.ends(pod)
    if (old !== undefined && isPlaced(old)) {
      if (!this.#queue.awaitsChanges || !mattersToOthers(old, pod)) return
      this.#queue.changed({ resource: 'pods', action: 'update', changedPod: pod, oldChangedPod: old })
      return
    }
    this.#leaveAlone(pod)
    if (old !== undefined) {
      this.#reports.settled(pod)
      if (nominatedOf(old) !== pod.spec.nodeName) this.#promiseEnded(old, nominatedOf(old))
    }
    this.#queue.changed({ resource: 'pods', action: 'add', changedPod: pod })
  }

  #podGone(pod: Pod, attempts: Attempts): void {
    this.#giveUp(pod)
    this.#metrics?.drop(pod)
    attempts.drop(pod)
    this.#cache.removePod(pod)
    if (isPlaced(pod)) this.#queue.changed({ resource: 'pods', action: 'delete', oldChangedPod: pod })
  }

  /** The pod wants no node any longer. */
  #giveUp(pod: Pod): void {
    const promised = this.#nominations.nodeOf(pod) ?? ''
    this.#leaveAlone(pod)
    this.#promiseEnded(pod, promised)
  }

  /** A node, if any, is no longer kept for a pod: to those that gave way to it, that is as if it had gone from there. */
  #promiseEnded(pod: Pod, node: string): void {
    if (node === '') return
    const gone = { ...pod, spec: { ...pod.spec, nodeName: node } }
    const priority = priorityOf(pod)
    this.#queue.changed(
      { resource: 'pods', action: 'delete', oldChangedPod: gone },
      (other) => priorityOf(other) <= priority,
    )
  }

  #leaveAlone(pod: Pod): void {
    this.#queue.remove(pod)
    this.#nominations.remove(pod)
  }

  #enqueue(old: Pod | undefined, pod: Pod): void {
    const gate = findGate(this.#profileOf(pod)!, pod)
    this.#nominations.follow(old, pod)
    this.#queue.set(pod, gate !== undefined)
    if (old !== undefined && nominatedOf(old) !== nominatedOf(pod)) this.#promiseEnded(old, nominatedOf(old))
    if (gate !== undefined) this.#reports.gated(pod, { reason: 'SchedulingGated', message: gate.reason })
  }
}

function isPlaced({ spec }: Pod): boolean {
  return (spec.nodeName ?? '') !== ''
}

/** The node that a pod's status says it is promised; empty for none. */
function nominatedOf({ status }: Pod): string {
  return status?.nominatedNodeName ?? ''
}

/** A pod that ended uses nothing, although its object is still there. */
function isFinished({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed'
}

/** Whether a placed pod changed in anything that lets others fit. That it ends does not: it holds what it has until it is gone. */
function mattersToOthers(old: Pod, pod: Pod): boolean {
  return (
    !sameJson(old.metadata.labels, pod.metadata.labels) ||
    !sameJson(old.spec, pod.spec) ||
    !sameResources(podRequestsOnNode(old), podRequestsOnNode(pod))
  )
}

/** Whether a node changed in anything that a plugin looks at; heartbeats change only the rest. */
function mattersToPods(old: Node, node: Node): boolean {
  const told = ({ metadata, spec, status }: Node): string =>
    JSON.stringify([metadata.labels, spec.unschedulable, spec.taints, status?.allocatable, status?.images?.length])
  return told(old) !== told(node)
}

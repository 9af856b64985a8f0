/**
 * Simulated clusters: nodes that run pods without containers (`simulatedNodes.ts`), in any number and beside real ones;
 * a container runtime without containers for one real node agent (`simulatedRuntime.ts`); a whole cluster in one process
 * under simulated time, for tests (`simulatedCluster.ts`). What pods do is told by annotations (`behaviour.ts`) and decided
 * by the kubelet's own plan (`simulatedPod.ts`). Nothing here decides what a real component does.
 */
import { leases, type Lease } from '#api/coordination/v1/lease.ts'
import { nodes, type Node } from '#api/core/v1/node.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import type { Client, ObjectName } from '#client/client.ts'
import { referenceTo, type EventWriter } from '#client/events.ts'
import { keyOf } from '#client/index.ts'
import type { Change } from '#client/informer.ts'
import type { Informers } from '#client/informers.ts'
import { exponentialBackoff } from '#lib/async/backoff.ts'
import { Turns } from '#lib/async/turns.ts'
import { WorkQueue } from '#lib/async/workQueue.ts'
import type { Heartbeats } from '#controllers/context.ts'
import type { Clock } from '#lib/clock.ts'
import type { Component } from '#lib/component.ts'
import { fieldPathOf } from '#kubelet/plan/podView.ts'
import { isReason } from '#machinery/status.ts'
import { behaviourOf, type ContainerBehaviour, type DeclaredBehaviour, type PodBehaviour } from './behaviour.ts'
import { PodAddresses } from './podAddresses.ts'
import {
  computeLease,
  computeNode,
  planStatus,
  nodeLeaseNamespace,
  simulatedLabel,
  type SimulatedNodeSpec,
} from './simulatedNode.ts'
import { afterCrash, afterReboot } from './simulatedFaults.ts'
import { isOver, isSameToNode, sameStatus } from './podStatuses.ts'
import type { PlayedNode, PlayedPod } from './played.ts'
import { findUnreadyVolumes } from './simulatedClaims.ts'
import { findPod, planSimulatedPod, type SimulatedPodPlan } from './simulatedPod.ts'

export interface SimulatedNodesOptions {
  /** A client that acts as the agent of a node. */
  readonly clientOf: (node: string) => Client
  readonly informers: Informers
  readonly clock: Clock
  readonly nodes: readonly SimulatedNodeSpec[]
  /** Where the events of pods go; absent: nowhere. */
  readonly events?: EventWriter
  /** Whether `Pulled`, `Created`, `Started` and `Killing` are told of every pod, or warnings alone (unless told). */
  readonly tell?: 'everything' | 'warnings'
  /** What containers do of which nothing is asked; run at once, and end as soon as they are told to, unless told. */
  readonly habits?: ContainerBehaviour
  /** What a test says that containers do; goes before annotations and habits. */
  readonly declared?: DeclaredBehaviour
  /** How long a node counts as alive without a renewal, in seconds; 40 unless told. Renewed at a quarter of it, as kubelets do. */
  readonly leaseSeconds?: number
  /** Told of what went wrong and will be tried again. */
  readonly report?: (problem: string, error?: unknown) => void
}

export interface SimulatedNodes {
  /** Ready once every node of the options is registered. */
  readonly component: Component
  /** Names of the nodes that are played, also while paused. */
  names(): readonly string[]
  /** Whether it would answer if it were asked what it uses. */
  answers(name: string): boolean
  /** What the containers of a pod do; undefined for one that runs on no simulated node, or on one that is silent. */
  behaviourOf(pod: Pod): PodBehaviour | undefined
  /** Registers more nodes; one whose Node was deleted comes back. */
  add(specs: readonly SimulatedNodeSpec[]): void
  /** The node falls silent, as if it were cut off: no leases, no statuses, no ends of pods. What runs on it goes on. */
  pause(name: string): void
  /** Its machine goes off: it falls silent, and what runs on it has ended when it comes back. */
  stop(name: string): void
  /** Who of them is alive, for a controller that would else read it off their leases. */
  readonly heartbeats: Heartbeats
  /** The node is heard of again, whether it was cut off or off. */
  resume(name: string): void
  /** Ends a run of a pod's container (of all unless told) as if it had died: with code 1 unless told. Throws when nothing runs. */
  crash(
    pod: ObjectName,
    how?: { readonly container?: string; readonly exitCode?: number; readonly reason?: string },
  ): void
}

/** Nodes renew in so many groups: together enough to wake the process seldom, apart enough not to hold it up. */
const turns = 100
const podsAtOnce = 32
const nodesAtOnce = 16
const conflictDelay = 10
const retries = { first: 100, most: 10_000 }

/** Plays any number of nodes over one copy of the pods. */
export function simulatedNodes(options: SimulatedNodesOptions): SimulatedNodes {
  const player = new NodePlayer(options)
  player.add(options.nodes)
  return {
    component: { name: 'simulated-nodes', needs: ['api-server'], run: (ready, signal) => player.run(ready, signal) },
    names: () => player.names(),
    answers: (name) => player.answers(name),
    behaviourOf: (pod) => player.behaviourOf(pod),
    add: (specs) => player.add(specs),
    pause: (name) => player.pause(name),
    stop: (name) => player.stop(name),
    resume: (name) => player.resume(name),
    crash: (pod, how) => player.crash(pod, how),
    heartbeats: {
      lastHeard: (name) => player.lastHeard(name),
      onChange: (handle) => player.onChange(handle),
    },
  }
}

class NodePlayer {
  readonly #options: SimulatedNodesOptions
  readonly #played = new Map<string, PlayedNode>()
  /** By uid. */
  readonly #pods = new Map<string, PlayedPod>()
  readonly #nodeQueue: WorkQueue
  readonly #podQueue: WorkQueue
  readonly #renewEvery: number
  readonly #registered = Promise.withResolvers<void>()
  #unregistered = 0
  readonly #turns: Turns
  readonly #listeners = new Set<(name: string) => void>()

  constructor(options: SimulatedNodesOptions) {
    const { clock } = options
    this.#options = options
    this.#nodeQueue = new WorkQueue({ clock, backoff: exponentialBackoff(retries) })
    this.#podQueue = new WorkQueue({ clock, backoff: exponentialBackoff(retries) })
    this.#renewEvery = (options.leaseSeconds ?? 40) * 250
    this.#turns = new Turns(clock)
    // Named before the informers run, so that whoever waits for all of them waits for these too.
    options.informers.of(nodes)
    options.informers.of(pods)
  }

  names(): readonly string[] {
    return [...this.#played.keys()]
  }

  behaviourOf({ spec, metadata }: Pod): PodBehaviour | undefined {
    return this.answers(spec.nodeName ?? '') ? this.#pods.get(metadata.uid ?? '')?.state.behaviour : undefined
  }

  answers(name: string): boolean {
    return this.#played.get(name)?.paused === false
  }

  add(specs: readonly SimulatedNodeSpec[]): void {
    for (const [index, spec] of specs.entries()) {
      if (this.#played.has(spec.name)) throw new Error(`There is a simulated node "${spec.name}" already`)
      const turn = Math.ceil(((index + 1) / specs.length) * turns) / turns
      const client = this.#options.clientOf(spec.name)
      this.#played.set(spec.name, { spec, client, paused: false, stopped: false, turn, renewAt: 0, pods: new Set() })
      this.#unregistered++
      this.#nodeQueue.add(spec.name)
    }
  }

  pause(name: string): void {
    const node = this.#find(name)
    node.paused = true
    node.silentSince ??= this.#options.clock.now()
    this.#tellOf(name)
  }

  stop(name: string): void {
    this.pause(name)
    this.#find(name).stopped = true
  }

  lastHeard(name: string): 'alive' | number | undefined {
    const node = this.#played.get(name)
    return node?.uid === undefined ? undefined : (node.silentSince ?? 'alive')
  }

  onChange(handle: (name: string) => void): Disposable {
    this.#listeners.add(handle)
    return { [Symbol.dispose]: () => void this.#listeners.delete(handle) }
  }

  #tellOf(name: string): void {
    for (const handle of this.#listeners) handle(name)
  }

  crash(
    { name, namespace = '' }: ObjectName,
    how: { container?: string; exitCode?: number; reason?: string } = {},
  ): void {
    const key = `${namespace}/${name}`
    const pod = this.#options.informers.of(pods).get(key)
    const played = this.#pods.get(pod?.metadata.uid ?? '')
    const isMeant = (run: { name: string; state: string }): boolean =>
      run.state === 'running' && (how.container ?? run.name) === run.name
    if (played === undefined || !played.state.observed.containers.some(isMeant)) {
      const what = how.container === undefined ? 'No container' : `No container "${how.container}"`
      throw new Error(`${what} of pod "${key}" runs on a simulated node`)
    }
    played.state = afterCrash(played.state, { exitCode: 1, ...how }, this.#options.clock.now())
    delete played.written
    this.#podQueue.add(key)
  }

  #reboot(node: PlayedNode): void {
    const podCopies = this.#options.informers.of(pods)
    for (const key of node.pods) {
      const played = this.#pods.get(podCopies.get(key)?.metadata.uid ?? '')
      if (played === undefined) continue
      played.state = afterReboot(played.state, this.#options.clock.now())
      delete played.written
    }
  }

  resume(name: string): void {
    const node = this.#find(name)
    if (!node.paused) return
    node.paused = false
    delete node.silentSince
    this.#tellOf(name)
    node.renewAt = 0
    if (node.stopped) this.#reboot(node)
    node.stopped = false
    this.#wake(node)
  }

  #find(name: string): PlayedNode {
    const node = this.#played.get(name)
    if (node === undefined) throw new Error(`There is no simulated node "${name}"`)
    return node
  }

  /** Looks at a node and at all of its pods. */
  #wake(node: PlayedNode): void {
    this.#nodeQueue.add(node.spec.name)
    for (const key of node.pods) this.#podQueue.add(key)
  }

  async run(ready: () => void, signal: AbortSignal): Promise<void> {
    const close = (): void => {
      this.#nodeQueue.close()
      this.#podQueue.close()
      this.#registered.resolve()
    }
    signal.addEventListener('abort', close, { once: true })
    try {
      const [nodeCopies, podCopies] = [this.#options.informers.of(nodes), this.#options.informers.of(pods)]
      await Promise.all([nodeCopies.synced(signal), podCopies.synced(signal)])
      // Nodes first: addresses are kept for the pods that have them already.
      using _nodes = nodeCopies.onChange((change) => this.#nodeChanged(change))
      using _pods = podCopies.onChange((change) => this.#podChanged(change))
      const work = [
        ...Array.from({ length: nodesAtOnce }, () => this.#work(this.#nodeQueue, 'node', this.#lookAtNode, signal)),
        ...Array.from({ length: podsAtOnce }, () => this.#work(this.#podQueue, 'pod', this.#lookAtPod, signal)),
      ]
      if (this.#unregistered === 0) this.#registered.resolve()
      await this.#registered.promise
      if (!signal.aborted) ready()
      await Promise.all(work)
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      signal.removeEventListener('abort', close)
      close()
    }
  }

  async #work(
    queue: WorkQueue,
    what: string,
    look: (key: string, signal: AbortSignal) => Promise<number | undefined>,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, report } = this.#options
    for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
      const turn = this.#turns.pass()
      if (turn !== undefined) await turn
      try {
        const again = await look.call(this, key, signal)
        queue.forget(key)
        if (again !== undefined) queue.addAfter(key, again - clock.now())
      } catch (error) {
        if (signal.aborted) return
        if (isReason(error, 'Conflict')) queue.addAfter(key, conflictDelay)
        else {
          report?.(`Cannot play ${what} "${key}"`, error)
          queue.retry(key)
        }
      }
      queue.done(key)
    }
  }

  #nodeChanged({ new: object, old }: Change<Node>): void {
    const node = this.#played.get((object ?? old)!.metadata.name)
    if (node === undefined) return
    if (object === undefined) {
      // Deleted by somebody: it does not come back by itself, and what it ran goes the way of all pods without a node.
      if (node.uid === old!.metadata.uid) this.#forgetNode(node)
      return
    }
    const { podCIDRs = [] } = object.spec
    if (node.addresses === undefined && podCIDRs.length > 0) {
      node.addresses = new PodAddresses(podCIDRs)
      for (const key of node.pods) this.#podQueue.add(key)
    }
    if (node.uid !== undefined && !node.paused && planStatus(node.spec, object, 0) !== undefined) {
      this.#nodeQueue.add(node.spec.name)
    }
  }

  #forgetNode(node: PlayedNode): void {
    this.#played.delete(node.spec.name)
    const podCopies = this.#options.informers.of(pods)
    for (const key of node.pods) this.#pods.delete(podCopies.get(key)?.metadata.uid ?? '')
  }

  #podChanged({ new: pod, old }: Change<Pod>): void {
    const { metadata, spec, status } = (pod ?? old)!
    const node = this.#played.get(spec.nodeName ?? '')
    if (node === undefined) return
    const uid = metadata.uid ?? ''
    const key = keyOf(metadata)
    if (pod === undefined) {
      node.pods.delete(key)
      node.addresses?.release(uid)
      this.#pods.delete(uid)
      return
    }
    node.pods.add(key)
    const played = this.#pods.get(uid)
    if (played === undefined && status?.podIPs !== undefined && spec.hostNetwork !== true && !isOver(pod)) {
      node.addresses?.adopt(
        uid,
        status.podIPs.map(({ ip }) => ip),
      )
    }
    if (played?.written === undefined || !isSameToNode(played.written, pod)) this.#podQueue.add(key)
  }

  /** Registers a node, renews its lease when it is time and mends what others wrote over. Returns when to look again. */
  async #lookAtNode(name: string, signal: AbortSignal): Promise<number | undefined> {
    const { clock } = this.#options
    const node = this.#played.get(name)
    if (node === undefined || node.paused) return undefined
    if (node.uid === undefined) {
      const uid = await this.#register(node, signal)
      if (--this.#unregistered === 0) this.#registered.resolve()
      if (uid === undefined) {
        this.#played.delete(name)
        return undefined
      }
      node.uid = uid
      for (const key of node.pods) this.#podQueue.add(key)
    }
    const object = this.#options.informers.of(nodes).get(name)
    if (object !== undefined) await this.#writeStatus(node, object, signal)
    if (clock.now() >= node.renewAt) await this.#renew(node, signal)
    return node.renewAt
  }

  /** Returns the uid of its Node, or nothing when the name belongs to one that is not simulated. */
  async #register({ spec, client }: PlayedNode, signal: AbortSignal): Promise<string | undefined> {
    const { clock, report } = this.#options
    const { name } = spec
    try {
      const created = await client.create(nodes, computeNode(spec, clock.now()), { signal })
      return created.metadata.uid!
    } catch (error) {
      if (!isReason(error, 'AlreadyExists')) throw error
    }
    const found = await client.get(nodes, { name }, { signal })
    if (found.metadata.labels?.[simulatedLabel] === 'true') return found.metadata.uid!
    report?.(`Cannot register simulated node "${name}": there is a node of that name which is not simulated`)
    return undefined
  }

  /** Puts back what a node says of itself, if somebody wrote something else. */
  async #writeStatus(node: PlayedNode, object: Node, signal: AbortSignal): Promise<void> {
    const status = planStatus(node.spec, object, this.#options.clock.now())
    if (status === undefined) return
    const { name, uid } = object.metadata
    await node.client.patchStatus(
      nodes,
      { name },
      { type: 'strategic', body: { metadata: { uid }, status } },
      { signal },
    )
  }

  async #renew(node: PlayedNode, signal: AbortSignal): Promise<void> {
    const { clock, leaseSeconds = 40 } = this.#options
    const { client } = node
    const { name } = node.spec
    const wanted = computeLease({ metadata: { name, uid: node.uid! } }, leaseSeconds, clock.now())
    // After the first one each node has its own moment in the interval.
    const isFirst = node.renewAt === 0
    const read = async (): Promise<Lease> => client.get(leases, { name, namespace: nodeLeaseNamespace }, { signal })
    const update = async (lease: Lease): Promise<Lease> =>
      client.update(leases, { ...lease, spec: { ...lease.spec, ...wanted.spec } }, { signal })
    const known = node.lease
    delete node.lease
    if (known !== undefined) node.lease = await update(known)
    else {
      node.lease = await client.create(leases, wanted, { signal }).catch(async (error: unknown) => {
        if (!isReason(error, 'AlreadyExists')) throw error
        return update(await read())
      })
    }
    const now = clock.now()
    node.renewAt = now + (isFirst ? this.#renewEvery * node.turn : this.#renewEvery)
  }

  /** Lets a pod live up to now and writes what is new. Returns when to look again. */
  async #lookAtPod(key: string, signal: AbortSignal): Promise<number | undefined> {
    const { clock, informers } = this.#options
    const pod = informers.of(pods).get(key)
    const node = pod === undefined ? undefined : this.#played.get(pod.spec.nodeName ?? '')
    if (pod === undefined || node?.uid === undefined || node.paused) return undefined
    const uid = pod.metadata.uid ?? ''
    const { habits, declared } = this.#options
    let played = this.#pods.get(uid)
    if (played !== undefined && this.#isSettled(pod, played)) return played.recheckAt
    if (played === undefined) this.#pods.set(uid, (played = { state: findPod(pod, habits, declared), told: '' }))
    else played.state = { ...played.state, behaviour: behaviourOf(pod, habits, declared) }
    const podIps = pod.spec.hostNetwork === true || isOver(pod) ? undefined : node.addresses?.of(uid)
    const unready = await findUnreadyVolumes(node.client, pod, played.state, clock.now(), signal)
    const place = { addresses: [node.spec.address], ...(podIps === undefined ? {} : { podIps }), ...unready }
    const plan = planSimulatedPod(pod, played.state, place, clock.now())
    played.state = plan.next
    delete played.recheckAt
    if (plan.recheckAt !== undefined) played.recheckAt = plan.recheckAt
    this.#tell(pod, node, played, plan)
    if (!plan.next.observed.sandboxes.some(({ ready }) => ready) && isOver({ status: plan.status })) {
      node.addresses?.release(uid)
    }
    const { name, namespace = '' } = pod.metadata
    try {
      if (!sameStatus(plan.status, pod.status)) {
        played.written = await node.client.updateStatus(pods, { ...pod, status: plan.status }, { signal })
      }
      if (plan.remove) {
        await node.client.delete(pods, { name, namespace }, { gracePeriodSeconds: 0, preconditions: { uid }, signal })
      }
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error
      return undefined
    }
    return plan.recheckAt
  }

  /** Whether a pod is as its last look left it: most changes of pods are the writes of their own node. */
  #isSettled(pod: Pod, { written, recheckAt, state }: PlayedPod): boolean {
    if (written === undefined || !isSameToNode(written, pod)) return false
    // Without a sandbox it waits for an address, or for its end to be written.
    if (!state.observed.sandboxes.some(({ ready }) => ready)) return false
    return recheckAt === undefined || this.#options.clock.now() < recheckAt
  }

  #tell(pod: Pod, node: PlayedNode, played: PlayedPod, plan: SimulatedPodPlan): void {
    const { events, tell = 'warnings' } = this.#options
    if (events === undefined) return
    const problems = plan.next.behaviour.problems.join('\n')
    const isNews = problems !== played.told
    if (
      !isNews &&
      (plan.events.length === 0 || (tell === 'warnings' && plan.events.every(({ type }) => type === 'Normal')))
    ) {
      return
    }
    const recorder = events.recorder('kubelet', node.spec.name)
    if (isNews) {
      played.told = problems
      for (const message of plan.next.behaviour.problems) {
        recorder.record(referenceTo(pods, pod), { type: 'Warning', reason: 'InvalidSimulation', message })
      }
    }
    for (const { type, reason, message, container } of plan.events) {
      if (tell === 'warnings' && type === 'Normal') continue
      const fieldPath = container === undefined ? undefined : fieldPathOf(pod, container)
      recorder.record(referenceTo(pods, pod, fieldPath), { type, reason, message })
    }
  }
}

import { nodes, type Node } from '#api/core/v1/node.ts'
import type { NodeStatus } from '#api/core/v1/nodeStatus.ts'
import type { ResourceList } from '#api/core/v1/container.ts'
import type { Client } from '#client/client.ts'
import type { EventNote, EventRecorder } from '#client/events.ts'
import { WatchedInformer } from '#client/informer.ts'
import type { Clock } from '#lib/clock.ts'
import type { Random } from '#lib/random.ts'
import type { ContainerRuntime, FoundImage, RuntimeHealth } from '../runtime/containerRuntime.ts'
import { computeNodeConditions } from './conditions.ts'
import { registerCsiNode } from './csiNode.ts'
import { isReportDue, keepLease, writeNodeStatus } from './heartbeat.ts'
import type { PressureCondition } from '../eviction/signals.ts'
import type { MachineFacts } from './machine.ts'
import { nodeReference, schedulableNotes, startingNote, statusNotes } from './nodeEvents.ts'
import { computeCapacity, computeNodeStatus, registerNode, withAdvertised, type NodeDescription } from './register.ts'

export interface NodeReporterOptions {
  readonly client: Client
  readonly clock: Clock
  readonly random: Random
  readonly runtime: ContainerRuntime
  readonly description: NodeDescription
  readonly machine: MachineFacts
  /** What the node is short of now. */
  readonly pressures: () => readonly PressureCondition[]
  /** Told of the images that are on the node whenever they were looked for. */
  readonly imagesSeen: (images: readonly FoundImage[]) => void
  readonly recorder: EventRecorder
  readonly report: (problem: string, error?: unknown) => void
}

const lookEvery = 10_000
const retryEvery = 1_000
/** A node that has just come, or has just lost something, is mostly well again soon: looked for at once, then ever less often. */
const firstRetry = 20
/** A runtime that says nothing for longer than this is down. */
const healthTimeout = 5_000

/** Registers one node, and keeps its status and its lease up to date. */
export class NodeReporter {
  readonly #options: NodeReporterOptions
  readonly #informer: WatchedInformer<Node>
  readonly #allocatable: ResourceList
  #node: Node | undefined
  #health: RuntimeHealth | undefined
  #images: readonly FoundImage[] = []
  #lastReport = 0
  #wasUnschedulable = false
  /** The status that the last events led to, and the version of the node that they began from: a copy of it may lag. */
  #told: { readonly from: string | undefined; readonly status: NodeStatus } | undefined
  #wake: () => void = () => {}

  constructor(options: NodeReporterOptions) {
    this.#options = options
    this.#allocatable = computeCapacity(options.machine, options.description).allocatable
    const { client, clock, random, report, description } = options
    this.#informer = new WatchedInformer({
      client,
      clock,
      random,
      report,
      resource: nodes,
      selection: { fieldSelector: `metadata.name=${description.name}` },
    })
  }

  /** The Node as last seen; undefined before it is registered. */
  get node(): Node | undefined {
    return this.#informer.get(this.#options.description.name) ?? this.#node
  }

  get allocatable(): ResourceList {
    return this.#allocatable
  }

  /** Looks again now: the runtime may have come or gone, images have changed, or the node is short of something. */
  lookNow(): void {
    this.#wake()
  }

  /** Resolves once the node is registered; a server that is away is asked again. */
  async register(signal: AbortSignal): Promise<void> {
    const { client, description, machine, clock, report } = this.#options
    this.#tell([startingNote])
    for (;;) {
      try {
        const status = await this.#computeStatus(undefined, signal)
        const { node, isCreated } = await registerNode(client, description, machine, status, signal)
        this.#node = node
        this.#lastReport = clock.now()
        if (isCreated) this.#tell(statusNotes(description.name, undefined, status))
        return
      } catch (error) {
        signal.throwIfAborted()
        report(`Cannot register node "${description.name}"`, error)
        await clock.sleep(retryEvery, signal)
      }
    }
  }

  /** Reports until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { client, clock, report, description } = this.#options
    const heartbeat = { client, clock, report, nodeName: description.name }
    await Promise.all([
      this.#informer.run(signal),
      this.#node === undefined ? undefined : registerCsiNode({ client, clock, report }, this.#node, signal),
      keepLease(heartbeat, () => this.#node?.metadata.uid, signal),
      this.#reportAll(signal),
    ])
  }

  async #reportAll(signal: AbortSignal): Promise<void> {
    const { report } = this.#options
    let retry = firstRetry
    while (!signal.aborted) {
      try {
        await this.#reportOnce(signal)
      } catch (error) {
        if (signal.aborted) return
        report('Cannot report the status of the node', error)
      }
      const isWell =
        this.#health !== undefined && this.#health.problem === undefined && this.#health.networkProblem === undefined
      await this.#pause(isWell ? lookEvery : retry, signal)
      retry = isWell ? firstRetry : Math.min(2 * retry, retryEvery)
    }
  }

  async #reportOnce(signal: AbortSignal): Promise<void> {
    const { client, clock } = this.#options
    const node = this.node
    if (node === undefined) return
    this.#tell(schedulableNotes(this.#wasUnschedulable, node))
    this.#wasUnschedulable = node.spec.unschedulable === true
    const next = await this.#computeStatus(node, signal)
    if (!isReportDue(node.status ?? {}, next, this.#lastReport, clock.now())) return
    this.#node = await writeNodeStatus(client, node, next, signal)
    this.#lastReport = clock.now()
    const { name, resourceVersion } = node.metadata
    const before = this.#told?.from === resourceVersion ? this.#told?.status : node.status
    this.#told = { from: resourceVersion, status: next }
    this.#tell(statusNotes(name, before, next))
  }

  #tell(notes: readonly EventNote[]): void {
    const { recorder, description } = this.#options
    for (const note of notes) recorder.record(nodeReference(description.name), note)
  }

  async #computeStatus(node: Node | undefined, signal: AbortSignal): Promise<NodeStatus> {
    const { runtime, description, machine, pressures, imagesSeen, clock } = this.#options
    const problems: string[] = []
    const patience = new AbortController()
    using _timer = clock.after(healthTimeout, () => patience.abort())
    const soon = AbortSignal.any([signal, patience.signal])
    try {
      this.#health = await runtime.health(soon)
      this.#images = await runtime.images(soon)
      imagesSeen(this.#images)
      for (const problem of [this.#health.problem, this.#health.networkProblem]) {
        if (problem !== undefined) problems.push(problem)
      }
    } catch {
      signal.throwIfAborted()
      const { name, version } = this.#health ?? { name: '', version: '' }
      this.#health = { name, version, problem: 'container runtime is down' }
      problems.push('container runtime is down')
    }
    const health = this.#health.name === '' ? undefined : this.#health
    const conditions = computeNodeConditions(node?.status?.conditions ?? [], pressures(), problems, clock.now())
    const status = computeNodeStatus(description, machine, health, this.#images)
    return { ...withAdvertised(status, node?.status), conditions }
  }

  #pause(milliseconds: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        timer[Symbol.dispose]()
        signal.removeEventListener('abort', done)
        resolve()
      }
      const timer = this.#options.clock.after(milliseconds, done)
      signal.addEventListener('abort', done, { once: true })
      this.#wake = done
      if (signal.aborted) done()
    })
  }
}

import { events, type Event } from '#api/core/v1/event.ts'
import { nodes } from '#api/core/v1/node.ts'
import { serviceAccounts } from '#api/core/v1/serviceAccount.ts'
import type { KubeObject } from '#api/resource.ts'
import type { CauseSubject, RecordedCause } from '#client/causes.ts'
import { clientOver, type Client, type ObjectName } from '#client/client.ts'
import type { Informers } from '#client/informers.ts'
import type { Transport } from '#client/transport.ts'
import { durationOf, SimulatedClock, systemClock, type Clock } from '#lib/clock.ts'
import { inProcessTransport } from '#server/inProcess.ts'
import { simulatedNodeSpecs } from '../simulatedNodeSpecs.ts'
import type { SimulatedNodeSpec } from '../simulatedNode.ts'
import { startCluster } from '../startCluster.ts'
import { listen, type Access } from './access.ts'
import { declaredBehaviours, type Behaviours } from './behaviours.ts'
import { applyManifest, type Manifest } from './manifests.ts'

/** Time moves by `advance` and `until` alone: a week takes as long as what happens in it. */
export const simulated = 'simulated'
/** The machine's own time. */
export const real = 'real'

export interface ClusterOptions {
  /** `simulated` unless told. */
  readonly clock?: typeof simulated | typeof real
  /** When simulated time begins; 2026-01-01T00:00:00Z unless told. A few seconds have passed when the cluster is ready. */
  readonly start?: string | Date
  /** The same seed gives the same names, identities and orders in simulated time; 1 unless told. */
  readonly seed?: number
  /** How many nodes, or what they are like; 3 unless told. Each has 32 CPUs and 256Gi unless told. */
  readonly nodes?: number | readonly Partial<SimulatedNodeSpec>[]
  /** Names of the controllers to run; all unless told. */
  readonly controllers?: 'all' | readonly string[]
  /** False: pods stay without a node. */
  readonly scheduler?: boolean
  /** What containers do, by the name of their workload; they run, and are ready at once, unless told. */
  readonly behaviours?: Behaviours
  /** Whether events tell of everything that nodes do (unless told), or of trouble alone. */
  readonly tell?: 'everything' | 'warnings'
}

/** The nodes of a cluster, and what happens to them. */
export interface ClusterNodes {
  names(): readonly string[]
  /** Adds so many more, or such; resolves with their names once they are ready. */
  add(more: number | readonly Partial<SimulatedNodeSpec>[]): Promise<readonly string[]>
  /** The machine goes off: it falls silent, and what runs on it ends. */
  turnOff(name: string): void
  /** It comes up again; containers start anew. */
  turnOn(name: string): void
  /** The node reaches nobody any more; what runs on it goes on. */
  cutOff(name: string): void
  reconnect(name: string): void
}

/** A whole cluster in this process. */
export interface Cluster extends AsyncDisposable {
  readonly clock: Clock
  /** May do everything. */
  readonly client: Client
  readonly nodes: ClusterNodes
  /** Local copies of any kind, kept up to date. */
  readonly informers: Informers
  /** What components reported and tried again. */
  readonly problems: readonly string[]
  now(): Date
  /** A client of a user who may do what roles allow. */
  clientAs(user: string, groups?: readonly string[]): Client
  /** Lets time pass: `90s`, `10m`, `7d`, or milliseconds. Rejects when a component failed meanwhile. */
  advance(amount: string | number): Promise<void>
  /** Lets time pass until something holds; rejects when it does not `within` (10m) of the cluster's time. */
  until(holds: () => unknown, within?: string): Promise<void>
  /** Makes objects as they stand here, as `kubectl apply --server-side` does; `default` is the namespace of those without. */
  apply(manifest: Manifest, options?: { readonly namespace?: string }): Promise<readonly KubeObject[]>
  /** Why components do not do what an object asks for; empty when nothing is wrong. */
  why(subject: CauseSubject): readonly RecordedCause[]
  /** Events, oldest first: all, or those about one object. */
  events(about?: { readonly kind: string } & ObjectName): Promise<readonly Event[]>
  /** Ends the run of a pod's container (of all unless told) as if its process had died, with code 1 unless told. */
  crash(
    pod: ObjectName,
    how?: { readonly container?: string; readonly exitCode?: number; readonly reason?: string },
  ): void
  /**
   * A kubeconfig, as text, with which other programs reach the cluster over HTTPS on the loopback interface; for an
   * administrator unless told. Under simulated time they see a cluster that stands still between two `advance`s.
   */
  kubeconfig(user?: string, groups?: readonly string[]): Promise<string>
  /** Ends everything. Rejects when a component failed, the server had a bug, or something was left behind. */
  stop(): Promise<void>
}

const administrators = 'system:masters'
const stepOf = { simulated: 1_000, real: 50 } as const

/** Starts a cluster; resolves once its nodes are ready for pods. End it with `stop`, or write `await using`. */
export async function cluster(options: ClusterOptions = {}): Promise<Cluster> {
  const { clock: kind = simulated, nodes: wanted = 3, behaviours, tell = 'everything', ...common } = options
  if (kind !== simulated && kind !== real)
    throw new Error(`There is no clock "${String(kind)}": there are simulated and real`)
  const timeline = kind === simulated ? new SimulatedClock(startOf(options.start)) : undefined
  const clock: Clock = timeline ?? systemClock
  let turn: Promise<unknown> = Promise.resolve()
  /** Two tests that move time at once do so one after the other. */
  const pass = (milliseconds: number): Promise<void> => {
    if (timeline === undefined) return systemClock.sleep(milliseconds)
    const passed = turn.then(() => timeline.advance(milliseconds))
    turn = passed.catch(() => {})
    return passed
  }
  let count = 0
  const specsOf = (some: number | readonly Partial<SimulatedNodeSpec>[]): readonly SimulatedNodeSpec[] => {
    const asked = typeof some === 'number' ? Array.from({ length: some }, () => ({})) : some
    const from = count + 1
    count += asked.length
    return simulatedNodeSpecs({ count: asked.length, from, prefix: 'node-', podBlocks }).map((spec, at) => ({
      ...spec,
      ...asked[at],
    }))
  }
  const runs = (name: string): boolean =>
    common.controllers === undefined || common.controllers === 'all' || common.controllers.includes(name)
  const podBlocks = runs('node-ipam-controller') ? 'none' : 'own'
  const started = await startCluster({
    ...common,
    nodes: specsOf(wanted),
    tell,
    heartbeats: 'directly',
    clock,
    pass,
    ...(behaviours === undefined ? {} : { declared: declaredBehaviours(behaviours) }),
  })
  const { parts, problems, bugs } = started
  let access: Promise<Access> | undefined

  const advance = async (amount: string | number): Promise<void> => {
    await pass(durationOf(amount))
    started.throwIfFailed()
  }
  const until = async (holds: () => unknown, within = '10m'): Promise<void> => {
    const most = durationOf(within)
    const step = stepOf[kind]
    for (let waited = 0; !(await holds()); waited += step) {
      started.throwIfFailed()
      if (waited >= most) {
        const told = [...problems, ...bugs.map(String)].slice(-10)
        throw new Error([`It does not hold within ${within}: ${holds.toString()}`, ...told].join('\n'))
      }
      await pass(step)
    }
  }
  const areReady = async (names: readonly string[]): Promise<boolean> => {
    const { items } = await parts.client.list(nodes)
    return names.every((name) =>
      items.some(({ metadata, spec }) => metadata.name === name && !spec.taints?.some(isOfStart)),
    )
  }
  const stop = async (): Promise<void> => {
    await using stack = new AsyncDisposableStack()
    stack.defer(() => {
      const left = timeline?.pending ?? 0
      if (left > 0) throw new Error(`${left} timers are left after the cluster stopped`)
    })
    stack.defer(() => started.stop())
    if (access !== undefined) stack.use(await access)
  }

  const it: Cluster = {
    clock,
    client: parts.client,
    nodes: {
      names: () => parts.nodes.names(),
      async add(more) {
        const specs = specsOf(more)
        parts.nodes.add(specs)
        const names = specs.map(({ name }) => name)
        await until(() => areReady(names), '1m')
        return names
      },
      turnOff: (name) => parts.nodes.stop(name),
      turnOn: (name) => parts.nodes.resume(name),
      cutOff: (name) => parts.nodes.pause(name),
      reconnect: (name) => parts.nodes.resume(name),
    },
    informers: parts.informers,
    problems,
    now: () => new Date(clock.now()),
    clientAs(user, groups = []) {
      const caller = { name: user, groups: [...groups, 'system:authenticated'] }
      return clientOver(inProcessTransport(parts.server, caller) as Transport, { fieldManager: 'test' })
    },
    advance,
    until,
    apply(manifest, { namespace = 'default' } = {}) {
      let tries = 0
      return applyManifest(parts.client, manifest, namespace, async () => {
        if (tries++ >= 20) return false
        await advance(stepOf[kind])
        return true
      })
    },
    why: (subject) => parts.causes.of(subject),
    async events(about) {
      const { items } = await parts.client.list(
        events,
        about?.namespace === undefined ? {} : { namespace: about.namespace },
      )
      const isAbout = ({ involvedObject: { kind: of, name } }: Event): boolean =>
        about === undefined || (of === about.kind && name === about.name)
      return items.filter(isAbout).toSorted((a, b) => timeOf(a).localeCompare(timeOf(b)))
    },
    crash: (pod, how) => parts.nodes.crash({ namespace: 'default', ...pod }, how),
    async kubeconfig(user = 'kubernetes-admin', groups = user === 'kubernetes-admin' ? [administrators] : []) {
      access ??= listen(parts.server)
      return (await access).kubeconfig(user, groups)
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
  try {
    if (runs('node-controller')) await until(() => areReady(it.nodes.names()), '1m')
    if (runs('service-account-controller')) {
      await until(
        async () => (await parts.client.list(serviceAccounts, { namespace: 'default' })).items.length > 0,
        '1m',
      )
    }
  } catch (error) {
    await stop().catch(() => {})
    throw error
  }
  return it
}

const taintsOfStart = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/network-unavailable']
const isOfStart = ({ key }: { readonly key: string }): boolean => taintsOfStart.includes(key)

function startOf(start: string | Date | undefined): number | undefined {
  if (start === undefined) return undefined
  const time = new Date(start).getTime()
  if (Number.isNaN(time)) throw new RangeError(`Cannot read the start "${String(start)}": write 2026-01-31T12:00:00Z`)
  return time
}

function timeOf({ metadata, firstTimestamp, eventTime }: Event): string {
  return firstTimestamp ?? eventTime ?? metadata.creationTimestamp ?? ''
}

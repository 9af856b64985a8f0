/** Policies of one node: follows pods, namespaces, nodes and policies, and keeps the kernel's tables as they ask. */
import { namespaces } from '#api/core/v1/namespace.ts'
import { nodes } from '#api/core/v1/node.ts'
import { networkPolicies } from '#api/networking/v1/networkPolicy.ts'
import type { KubeObject } from '#api/resource.ts'
import type { Client } from '#client/client.ts'
import { keyOf } from '#client/index.ts'
import type { Change, Informer } from '#client/informer.ts'
import type { Informers } from '#client/informers.ts'
import { exponentialBackoff } from '#lib/async/backoff.ts'
import { WorkQueue } from '#lib/async/workQueue.ts'
import type { Component } from '#lib/component.ts'
import type { Host } from '#lib/host/host.ts'
import { NftTables } from '#lib/host/nftTable.ts'
import type { Logger } from '#lib/log.ts'
import type { MetricRegistry } from '#lib/metrics.ts'
import type { Random } from '#lib/random.ts'

import { readAdminPolicy } from './adminPolicies.ts'
import type { AdminPolicy } from './adminPolicies.ts'
import { followAdminPolicies } from './adminPolicyCopies.ts'
import type { PodAdmission } from './admission.ts'
import { dropCounts } from './drops.ts'
import { readNamespaces, readNode } from './facts.ts'
import type { NodeFacts, PodChange } from './facts.ts'
import { PolicyPlanner } from './plan.ts'
import type { Plan } from './plan.ts'
import { asksForPods, followPods } from './pods.ts'
import { readNetworkPolicy } from './policy.ts'
import type { Policy } from './policy.ts'
import { policyTables } from './ruleset.ts'
import { statusWriter } from './statusWriter.ts'

export interface NetworkPolicyOptions {
  readonly nodeName: string
  readonly informers: Informers
  readonly host: Pick<Host, 'nft' | 'clock'>
  /** The network namespace of the node; our own when absent. */
  readonly namespaceFile?: string
  /** Where the kubelet of this node brings its new pods. */
  readonly admission?: PodAdmission
  /** How the node says in the status of admin policies what became of them here; not at all when absent. */
  readonly status?: {
    readonly client: Client
    readonly random: Random
    /** Whether it also removes there what nodes said that are no more: one does for all. */
    readonly removesGone: boolean
  }
  /** Where drops are counted; nowhere when absent. */
  readonly metrics?: MetricRegistry
  readonly log: Logger
  readonly needs?: readonly string[]
}

/**
 * After a transaction changes are gathered for as long as it took, within these bounds: no more than half of the time is spent on
 * a burst of them, and one that comes alone waits for nothing.
 */
const gatherMs = { least: 5, most: 200 }
/** The tables are compared with the kernel's so often, or seldom enough that it takes a hundredth of the time. */
const verifyMs = 30_000

/**
 * Network policies as a part of a node's process; ready once the kernel has the first whole tables. Tables stay when it stops,
 * and those that are there when it starts hold until then.
 */
export function networkPolicyComponent(options: NetworkPolicyOptions): Component {
  return {
    name: 'network-policy',
    ...(options.needs === undefined ? {} : { needs: options.needs }),
    run: (ready, signal) => runNetworkPolicy(options, ready, signal),
  }
}

async function runNetworkPolicy(options: NetworkPolicyOptions, ready: () => void, signal: AbortSignal): Promise<void> {
  const { informers, nodeName, host, namespaceFile, admission, log } = options
  const { clock } = host
  const queue = new WorkQueue<'apply'>({ clock, backoff: exponentialBackoff({ first: 100, most: 30_000 }) })
  using subscriptions = new DisposableStack()
  const namespaceInformer = informers.of(namespaces)
  const nodeInformer = informers.of(nodes)
  const policyInformer = informers.of(networkPolicies)

  const known = memory()
  /** What has changed since the last plan: pods elsewhere, or something for which everything is to be planned again. */
  let isWhole = true
  const moved: PodChange[] = []
  let readyAt = 0
  const ask = (): void => queue.addAfter('apply', Math.max(0, readyAt - clock.now()))
  const changed = (): void => {
    isWhole = true
    ask()
  }
  const follow = <T extends KubeObject>(informer: Informer<T>, matters: (change: Change<T>) => boolean): Disposable =>
    informer.onChange((change) => {
      if (matters(change)) changed()
    })
  const copies = subscriptions.use(
    followPods({
      informers,
      nodeName,
      clock,
      ownChanged: changed,
      elsewhereChanged(change) {
        if (isWhole) return
        moved.push(change)
        ask()
      },
    }),
  )
  subscriptions.use(follow(namespaceInformer, (change) => known.differs(change, ({ metadata }) => metadata.labels)))
  subscriptions.use(follow(nodeInformer, (change) => known.differs(change, known.node)))
  subscriptions.use(follow(policyInformer, (change) => known.differs(change, ({ spec }) => spec)))
  const onArrival = (): void => {
    isWhole = true
    // Somebody waits for it.
    queue.add('apply')
  }
  if (admission !== undefined) subscriptions.use(admission.onArrival(onArrival))
  const adminPolicies = subscriptions.use(
    followAdminPolicies(informers, signal, (change) => {
      if (change === undefined || known.differs(change, ({ spec }) => spec)) changed()
      else status?.look()
    }),
  )
  const status =
    options.status === undefined
      ? undefined
      : statusWriter({
          ...options.status,
          nodeName,
          clock,
          log,
          list: adminPolicies.list,
          nodes: () => new Set(nodeInformer.list().map(({ metadata }) => metadata.name ?? '')),
        })

  const readFacts = () => {
    const arrivals = admission?.arrivals(({ metadata }) => copies.own.get(keyOf(metadata)))
    const own = [...copies.listOwn(), ...(arrivals?.facts ?? [])]
    const policies = [
      ...policyInformer.list().map(known.policy),
      ...adminPolicies.list().flatMap(([policy, { kind }]) => known.adminPolicy(policy, kind) ?? []),
    ]
    return { arrivals, own, policies, namespaces: readNamespaces(namespaceInformer.list()) }
  }

  const planner = new PolicyPlanner(nodeName)
  const drops = options.metrics === undefined ? undefined : dropCounts(options.metrics)
  const nft = host.nft(namespaceFile)
  await using helpers = new AsyncDisposableStack()
  let staysReady = false
  /** From the first change on: where there are no policies nothing waits for them. */
  const stayReady = (): void => {
    if (staysReady) return
    staysReady = true
    const helper = nft.stayReady?.()
    if (helper !== undefined) helpers.use(helper)
  }
  const tables = new NftTables(nft)
  /** The admin policies of the last whole plan. */
  let planned: readonly AdminPolicy[] = []
  const tellStatus = (isApplied: boolean): void =>
    status?.tell(
      new Map(
        planned.map(
          ({ metadata }) => [metadata.uid ?? '', { generation: metadata.generation ?? 0, isApplied }] as const,
        ),
      ),
    )
  const planAll = async (): Promise<{ readonly plan: Plan; applied?(): void }> => {
    let facts = readFacts()
    if (asksForPods(facts.own, facts)) {
      await copies.need(signal)
      facts = readFacts()
    } else copies.forgo()
    isWhole = false
    moved.length = 0
    planned = adminPolicies.list().map(([policy]) => policy)
    const { arrivals, own, policies, namespaces: labels } = facts
    const plan = planner.plan({
      pods: [...own, ...copies.listElsewhere()],
      namespaces: labels,
      nodes: nodeInformer.list().map(known.node),
      policies,
    })
    return { plan, ...arrivals }
  }
  const apply = async (): Promise<void> => {
    const started = clock.now()
    const change = isWhole ? undefined : planner.change(moved.splice(0))
    const { plan, applied } = change === undefined ? await planAll() : { plan: change }
    try {
      const result = await tables.apply(policyTables(plan), signal)
      if (result.kind === 'difference') stayReady()
      if (result.kind !== 'nothing') log.debug('Applied network policies', { ...result })
    } catch (error) {
      isWhole = true
      if (!signal.aborted) tellStatus(false)
      throw error
    }
    applied?.()
    if (change === undefined) tellStatus(true)
    readyAt = clock.now() + Math.min(Math.max(clock.now() - started, gatherMs.least), gatherMs.most)
  }
  /** Beside the queue: reading large tables takes a while, in which changes are not to wait. */
  const verify = async (): Promise<void> => {
    for (let pause = verifyMs; !signal.aborted;) {
      await clock.sleep(pause, signal).catch(() => {})
      const started = clock.now()
      try {
        const problem = await tables.verify(signal, ({ family }, { counts }) =>
          drops?.note(family, counts.get('denials') ?? new Map(), (number) => planner.deniersOf(number)),
        )
        if (problem !== undefined) {
          log.warn('The rules of network policies were changed by others and are replaced', { problem })
          queue.add('apply')
        }
      } catch (error) {
        if (!signal.aborted) log.error('Cannot check the rules of network policies', { error })
      }
      pause = Math.max(verifyMs, 100 * (clock.now() - started))
    }
  }

  const stop = (): void => queue.close()
  signal.addEventListener('abort', stop, { once: true })
  try {
    await Promise.all([
      ...[copies.own, namespaceInformer, nodeInformer, policyInformer].map((informer) => informer.synced(signal)),
      adminPolicies.synced(signal),
    ])
    queue.add('apply')
    const saying = status?.run(signal)
    let verifying: Promise<void> | undefined
    for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
      try {
        await apply()
        queue.forget(key)
        if (verifying === undefined) {
          verifying = verify()
          ready()
        }
      } catch (error) {
        if (signal.aborted) break
        log.error('Cannot apply network policies', { error })
        queue.retry(key)
      }
      queue.done(key)
    }
    await Promise.all([verifying, saying])
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    signal.removeEventListener('abort', stop)
    queue.close()
  }
}

/** What was read of objects, so that the same object is the same policy, and a change of nothing that matters is none. */
function memory() {
  const policies = new WeakMap<object, Policy | undefined>()
  const nodesRead = new WeakMap<object, NodeFacts>()
  const remember = <K extends object, V>(map: WeakMap<object, V>, key: K, read: (key: K) => V): V => {
    if (!map.has(key)) map.set(key, read(key))
    return map.get(key)!
  }
  return {
    policy: (policy: Parameters<typeof readNetworkPolicy>[0]): Policy =>
      remember(policies, policy, readNetworkPolicy) as Policy,
    adminPolicy: (policy: AdminPolicy, kind: string): Policy | undefined =>
      remember(policies, policy, (object) => readAdminPolicy(object, kind)),
    node: (node: Parameters<typeof readNode>[0]): NodeFacts => remember(nodesRead, node, readNode),
    differs: <T>(change: Change<T>, read: (object: T) => unknown): boolean =>
      change.old === undefined ||
      change.new === undefined ||
      JSON.stringify(read(change.old)) !== JSON.stringify(read(change.new)),
  }
}

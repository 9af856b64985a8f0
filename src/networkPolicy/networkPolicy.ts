/** Policies of one node: follows pods, namespaces, nodes and policies, and keeps the kernel's tables as they ask. */
import { customResourceDefinitions } from '#api/apiextensions/v1/customResourceDefinition.ts'
import type { CustomResourceDefinition } from '#api/apiextensions/v1/customResourceDefinition.ts'
import { namespaces } from '#api/core/v1/namespace.ts'
import { nodes } from '#api/core/v1/node.ts'
import { pods } from '#api/core/v1/pod.ts'
import { networkPolicies } from '#api/networking/v1/networkPolicy.ts'
import type { KubeObject } from '#api/resource.ts'
import { keyOf } from '#client/index.ts'
import type { Change, Informer } from '#client/informer.ts'
import type { Informers } from '#client/informers.ts'
import { exponentialBackoff } from '#lib/async/backoff.ts'
import { WorkQueue } from '#lib/async/workQueue.ts'
import type { Component } from '#lib/component.ts'
import type { Host } from '#lib/host/host.ts'
import { NftTables } from '#lib/host/nftTable.ts'
import type { Logger } from '#lib/log.ts'

import { adminPolicyKinds, readAdminPolicy } from './adminPolicies.ts'
import type { AdminPolicy } from './adminPolicies.ts'
import type { PodAdmission } from './admission.ts'
import { readNamespaces, readNode, readPod } from './facts.ts'
import type { ClusterFacts, NodeFacts, PodFacts } from './facts.ts'
import { PolicyPlanner } from './plan.ts'
import { readNetworkPolicy } from './policy.ts'
import type { Policy } from './policy.ts'
import { policyTables } from './ruleset.ts'

export interface NetworkPolicyOptions {
  readonly nodeName: string
  readonly informers: Informers
  readonly host: Pick<Host, 'nft' | 'clock'>
  /** The network namespace of the node; our own when absent. */
  readonly namespaceFile?: string
  /** Where the kubelet of this node brings its new pods. */
  readonly admission?: PodAdmission
  readonly log: Logger
  readonly needs?: readonly string[]
}

/** Changes are gathered for so long, so that a burst of them is one transaction. */
const gatherMs = 5
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
  const podInformer = informers.of(pods)
  const namespaceInformer = informers.of(namespaces)
  const nodeInformer = informers.of(nodes)
  const policyInformer = informers.of(networkPolicies)

  const known = memory()
  const changed = (): void => queue.addAfter('apply', gatherMs)
  const follow = <T extends KubeObject>(informer: Informer<T>, matters: (change: Change<T>) => boolean): Disposable =>
    informer.onChange((change) => {
      if (matters(change)) changed()
    })
  subscriptions.use(follow(podInformer, (change) => known.differs(change, readPod)))
  subscriptions.use(follow(namespaceInformer, (change) => known.differs(change, ({ metadata }) => metadata.labels)))
  subscriptions.use(follow(nodeInformer, (change) => known.differs(change, known.node)))
  subscriptions.use(follow(policyInformer, (change) => known.differs(change, ({ spec }) => spec)))
  // Somebody waits for it.
  if (admission !== undefined) subscriptions.use(admission.onArrival(() => queue.add('apply')))
  const adminPolicies = subscriptions.use(followAdminPolicies(informers, signal, changed))

  const facts = (arrivals: readonly PodFacts[]): ClusterFacts => ({
    pods: [...podInformer.list().flatMap((pod) => readPod(pod) ?? []), ...arrivals],
    namespaces: readNamespaces(namespaceInformer.list()),
    nodes: nodeInformer.list().map(known.node),
    policies: [
      ...policyInformer.list().map(known.policy),
      ...adminPolicies.list().flatMap(([policy, kind]) => known.adminPolicy(policy, kind) ?? []),
    ],
  })

  const planner = new PolicyPlanner(nodeName)
  const tables = new NftTables(host.nft(namespaceFile))
  const apply = async (): Promise<void> => {
    const arrivals = admission?.arrivals(({ metadata }) => podInformer.get(keyOf(metadata)))
    const applied = await tables.apply(policyTables(planner.plan(facts(arrivals?.facts ?? []))), signal)
    arrivals?.applied()
    if (applied.kind !== 'nothing') log.debug('Applied network policies', { ...applied })
  }
  /** Beside the queue: reading large tables takes a while, in which changes are not to wait. */
  const verify = async (): Promise<void> => {
    for (let pause = verifyMs; !signal.aborted;) {
      await clock.sleep(pause, signal).catch(() => {})
      const started = clock.now()
      try {
        const problem = await tables.verify(signal)
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
      ...[podInformer, namespaceInformer, nodeInformer, policyInformer].map((informer) => informer.synced(signal)),
      adminPolicies.synced(signal),
    ])
    queue.add('apply')
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
    await verifying
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

/** The admin policies of the kinds that the cluster has; nothing is asked for before their definition is there. */
function followAdminPolicies(informers: Informers, signal: AbortSignal, changed: () => void) {
  const followed = new Map<string, { informer: Informer<AdminPolicy>; subscription: Disposable }>()
  const leave = (kind: string): void => {
    const found = followed.get(kind)
    if (found === undefined) return
    followed.delete(kind)
    found.subscription[Symbol.dispose]()
    informers.release(found.informer)
    changed()
  }
  const definitions = adminPolicyKinds.map((resource) => {
    const selection = { fieldSelector: `metadata.name=${resource.plural}.${resource.group}` }
    const informer = informers.of(customResourceDefinitions, selection)
    const subscription = informer.onChange(({ new: definition }) => {
      if (definition === undefined || !serves(definition, resource.version)) return leave(resource.kind)
      if (followed.has(resource.kind)) return
      const policies = informers.of(resource)
      followed.set(resource.kind, { informer: policies, subscription: policies.onChange(changed) })
      // Also when there are none: whoever waits for the first state must learn that there is one.
      policies.synced(signal).then(changed, () => {})
    })
    return { informer, subscription }
  })
  return {
    list: (): (readonly [AdminPolicy, string])[] =>
      [...followed].flatMap(([kind, { informer }]) => informer.list().map((policy) => [policy, kind] as const)),
    /** A definition that is there at the start counts from the start. */
    async synced(stop: AbortSignal): Promise<void> {
      await Promise.all(definitions.map(({ informer }) => informer.synced(stop)))
      await Promise.all([...followed.values()].map(({ informer }) => informer.synced(stop)))
    },
    [Symbol.dispose]() {
      for (const { subscription } of definitions) subscription[Symbol.dispose]()
      for (const { subscription } of followed.values()) subscription[Symbol.dispose]()
    },
  }
}

function serves({ spec, status }: CustomResourceDefinition, version: string): boolean {
  const isEstablished = status?.conditions?.some(({ type, status: is }) => type === 'Established' && is === 'True')
  return isEstablished === true && spec.versions.some(({ name, served }) => name === version && served)
}

/** The service proxy of one node: follows services, their endpoint slices and host ports, and keeps the kernel's table as they ask. */
import { nodes } from '#api/core/v1/node.ts'
import { pods } from '#api/core/v1/pod.ts'
import { services } from '#api/core/v1/service.ts'
import { endpointSlices } from '#api/discovery/v1/endpointSlice.ts'
import { keyOf } from '#client/index.ts'
import type { Change } from '#client/informer.ts'
import type { Informers } from '#client/informers.ts'
import { exponentialBackoff } from '#lib/async/backoff.ts'
import { WorkQueue } from '#lib/async/workQueue.ts'
import type { Component } from '#lib/component.ts'
import type { Host } from '#lib/host/host.ts'
import type { Logger } from '#lib/log.ts'
import { exponentialBuckets } from '#lib/metrics.ts'
import type { MetricRegistry } from '#lib/metrics.ts'
import { parseCidr } from '#lib/net/cidr.ts'

import type { NodeRanges } from './chains.ts'
import { forgetStaleFlows, losesUdpBackends } from './conntrack.ts'
import { NftablesTable } from './nftables.ts'
import type { Applied } from './nftables.ts'
import { planRules } from './ruleset.ts'
import { ensureServiceRoutes } from './serviceRoute.ts'
import { mergeFrontends, placeOf, planFrontends, planHostPorts, serviceOfSlice } from './serviceTable.ts'
import type { Family, Frontend } from './serviceTable.ts'

export interface ProxyOptions {
  readonly nodeName: string
  readonly informers: Informers
  readonly host: Pick<Host, 'nft' | 'ip' | 'processes' | 'clock'>
  /** The network namespace of the node; our own when absent. */
  readonly namespaceFile?: string
  /** Addresses of all pods of the cluster. Those of this node's pods are read from its Node object. */
  readonly clusterPodRanges: readonly string[]
  readonly serviceRanges: readonly string[]
  readonly log: Logger
  readonly metrics?: MetricRegistry
  readonly needs?: readonly string[]
}

/** Changes are gathered for so long, so that a burst of them is one transaction. */
const gatherMs = 20
/** The table is compared with the kernel's so often, or seldom enough that it takes a hundredth of the time. */
const verifyMs = 30_000

const problems = {
  apply: 'Cannot apply service rules',
  flows: 'Cannot forget UDP flows to endpoints that have gone',
  verify: 'Cannot check service rules',
} as const
type Work = keyof typeof problems

/** The proxy as a part of a node's process; ready once the kernel has the first whole table. The table stays when it stops. */
export function proxyComponent(options: ProxyOptions): Component {
  return {
    name: 'proxy',
    ...(options.needs === undefined ? {} : { needs: options.needs }),
    run: (ready, signal) => runProxy(options, ready, signal),
  }
}

async function runProxy(options: ProxyOptions, ready: () => void, signal: AbortSignal): Promise<void> {
  const { informers, nodeName, host, namespaceFile, log } = options
  const { clock } = host
  const serviceInformer = informers.of(services)
  const sliceInformer = informers.of(endpointSlices)
  const podInformer = informers.of(pods, { fieldSelector: `spec.nodeName=${nodeName}` })
  const nodeInformer = informers.of(nodes, { fieldSelector: `metadata.name=${nodeName}` })
  sliceInformer.addIndex('service', (slice) => {
    const owner = serviceOfSlice(slice)
    return owner === undefined ? [] : [owner]
  })

  const queue = new WorkQueue<Work>({ clock, backoff: exponentialBackoff({ first: 100, most: 30_000 }) })
  const changedServices = new Set<string>()
  const changedPods = new Set<string>()
  const ofServices = new Map<string, readonly Frontend[]>()
  const ofPods = new Map<string, readonly Frontend[]>()
  const families = ([4, 6] as const).filter((family) =>
    options.serviceRanges.some((range) => parseCidr(range)?.family === family),
  )
  const tables = new Map<Family, NftablesTable>()
  for (const family of families) tables.set(family, new NftablesTable(host.nft(namespaceFile), family))
  const meters = options.metrics === undefined ? undefined : proxyMetrics(options.metrics)
  let place = { name: nodeName }
  let table: ReadonlyMap<string, Frontend> = new Map()

  using subscriptions = new DisposableStack()
  const follow = <T>(
    informer: { onChange(handle: (change: Change<T>) => void): Disposable },
    note: (object: T) => void,
  ): void => {
    const handle = (change: Change<T>): void => {
      if (change.old !== undefined) note(change.old)
      if (change.new !== undefined) note(change.new)
      queue.addAfter('apply', gatherMs)
    }
    subscriptions.use(informer.onChange(handle))
  }
  follow(serviceInformer, (service) => {
    changedServices.add(keyOf(service.metadata))
    meters?.serviceChanges.inc()
  })
  follow(sliceInformer, (slice) => {
    const owner = serviceOfSlice(slice)
    if (owner !== undefined) changedServices.add(owner)
    meters?.endpointChanges.inc()
  })
  follow(podInformer, (pod) => changedPods.add(keyOf(pod.metadata)))
  follow(nodeInformer, () => {})

  const readChanges = (): NodeRanges => {
    const node = nodeInformer.get(nodeName)
    const nextPlace = node === undefined ? { name: nodeName } : placeOf(node)
    if (JSON.stringify(nextPlace) !== JSON.stringify(place))
      for (const service of serviceInformer.list()) changedServices.add(keyOf(service.metadata))
    place = nextPlace
    for (const key of changedServices) {
      const service = serviceInformer.get(key)
      const slices = sliceInformer.byIndex('service', key)
      if (service === undefined) ofServices.delete(key)
      else ofServices.set(key, planFrontends(service, slices, place, ofServices.get(key)))
    }
    changedServices.clear()
    for (const key of changedPods) {
      const pod = podInformer.get(key)
      const frontends = pod === undefined ? [] : planHostPorts(pod, nodeName)
      if (frontends.length === 0) ofPods.delete(key)
      else ofPods.set(key, frontends)
    }
    changedPods.clear()
    const { podCIDR, podCIDRs = podCIDR === undefined ? [] : [podCIDR] } = node?.spec ?? {}
    return {
      clusterPodRanges: options.clusterPodRanges,
      nodePodRanges: podCIDRs,
      serviceRanges: options.serviceRanges,
    }
  }

  const apply = async (): Promise<void> => {
    const started = clock.now()
    const ranges = readChanges()
    const next = mergeFrontends([...ofServices.values(), ...ofPods.values()])
    for (const [family, kernel] of tables) {
      const plan = planRules(next, family, ranges)
      if (plan.leftOut.length > 0)
        log.error('Too many different numbers of endpoints and affinity times: some services are not served', {
          leftOut: plan.leftOut.length,
          first: plan.leftOut[0]!.owner,
        })
      const applied = await kernel.apply(plan, signal)
      meters?.observe(applied, (clock.now() - started) / 1000, clock.now() / 1000)
      if (applied.kind !== 'nothing') log.debug('Applied service rules', { ...applied, family })
    }
    if (losesUdpBackends(table, next)) queue.add('flows')
    table = next
  }

  /** By itself, so that services work on a machine where this cannot be done. */
  const forgetFlows = async (): Promise<void> => {
    for (const family of families) await forgetStaleFlows(host.processes, family, table, signal, namespaceFile)
  }

  const verify = async (): Promise<void> => {
    const started = clock.now()
    await ensureServiceRoutes(host.ip(namespaceFile), options.serviceRanges, signal)
    for (const kernel of tables.values()) {
      const problem = await kernel.verify(signal)
      if (problem === undefined) continue
      log.warn('The service rules were changed by others and are replaced', { problem })
      queue.add('apply')
    }
    queue.addAfter('verify', Math.max(verifyMs, 100 * (clock.now() - started)))
  }

  const stop = (): void => queue.close()
  signal.addEventListener('abort', stop, { once: true })
  try {
    await Promise.all(
      [serviceInformer, sliceInformer, podInformer, nodeInformer].map((informer) => informer.synced(signal)),
    )
    await ensureServiceRoutes(host.ip(namespaceFile), options.serviceRanges, signal)
    const work = { apply, flows: forgetFlows, verify }
    let isReady = false
    queue.add('apply')
    for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
      try {
        await work[key]()
        queue.forget(key)
        if (!isReady) {
          isReady = true
          ready()
          queue.addAfter('verify', verifyMs)
        }
      } catch (error) {
        if (signal.aborted) break
        if (key === 'apply') meters?.failures.inc()
        log.error(problems[key], { error })
        queue.retry(key)
      }
      queue.done(key)
    }
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    signal.removeEventListener('abort', stop)
    queue.close()
  }
}

/** Metrics under the names that kube-proxy gives them. */
function proxyMetrics(registry: MetricRegistry) {
  const buckets = exponentialBuckets(0.001, 2, 15)
  const duration = (name: string, what: string) =>
    registry.histogram({
      name: `kubeproxy_sync_${name}_duration_seconds`,
      help: `Latency in seconds of ${what}.`,
      buckets,
    })
  const all = duration('proxy_rules', 'one sync of the service rules')
  const whole = duration('full_proxy_rules', 'one replacement of all service rules')
  const part = duration('partial_proxy_rules', 'one change of the service rules')
  const last = registry.gauge({
    name: 'kubeproxy_sync_proxy_rules_last_timestamp_seconds',
    help: 'The last time the service rules were successfully synced.',
  })
  return {
    observe(applied: Applied, seconds: number, now: number): void {
      all.observe(seconds)
      if (applied.kind === 'whole') whole.observe(seconds)
      if (applied.kind === 'difference') part.observe(seconds)
      last.set(now)
    },
    failures: registry.counter({
      name: 'kubeproxy_sync_proxy_rules_nftables_sync_failures_total',
      help: 'Cumulative failures to sync the service rules.',
    }),
    serviceChanges: registry.counter({
      name: 'kubeproxy_sync_proxy_rules_service_changes_total',
      help: 'Cumulative changes of services.',
    }),
    endpointChanges: registry.counter({
      name: 'kubeproxy_sync_proxy_rules_endpoint_changes_total',
      help: 'Cumulative changes of endpoints.',
    }),
  }
}

/** The service proxy of one node: follows services, their endpoint slices and host ports, and keeps the kernel's table as they ask. */
import type { Informers } from '#client/informers.ts'
import { exponentialBackoff } from '#lib/async/backoff.ts'
import { WorkQueue } from '#lib/async/workQueue.ts'
import type { Component } from '#lib/component.ts'
import type { Host } from '#lib/host/host.ts'
import { watchRules } from '#lib/host/nft.ts'
import type { HttpHandler } from '#lib/http/message.ts'
import type { Logger } from '#lib/log.ts'
import { MetricRegistry } from '#lib/metrics.ts'
import { parseCidr } from '#lib/net/cidr.ts'

import type { NodeRanges } from './chains.ts'
import { readAddresses } from './nodeAddresses.ts'
import { healthCheckAddresses, nodePortRangesOf, type ListenAddress } from './nodePortRanges.ts'
import { addDoubts, forgetStaleFlows, noDoubts } from './conntrack.ts'
import type { Doubts } from './conntrack.ts'
import type { Family } from './frontend.ts'
import { healthHandler, metricsHandler, ProxyHealth, serviceHealthHandler } from './health.ts'
import { keepListening, listenHttp, Listeners } from './listeners.ts'
import type { Listen } from './listeners.ts'
import { NftablesTable } from './nftables.ts'
import { NodePlan } from './nodePlan.ts'
import { proxyMetrics } from './proxyMetrics.ts'
import { Ruleset } from './ruleset.ts'
import { routeFromLoopback } from './loopbackRoutes.ts'
import { ServiceRoutes } from './serviceRoute.ts'
import { tableWatch } from './tableWatch.ts'

export interface ProxyOptions {
  readonly nodeName: string
  readonly informers: Informers
  readonly host: Pick<Host, 'nft' | 'ip' | 'processes' | 'clock'>
  /** The network namespace of the node; our own when absent. Ports can be opened only in our own. */
  readonly namespaceFile?: string
  /** Addresses of all pods of the cluster. Those of this node's pods are read from its Node object. */
  readonly clusterPodRanges: readonly string[]
  /** Those that there are from the start; others come and go as ServiceCIDR objects. */
  readonly serviceRanges: readonly string[]
  /** Where node ports of services are open: at the node's addresses in these ranges, or at its `primary` ones; at all when absent. */
  readonly nodePortAddresses?: readonly string[]
  readonly log: Logger
  readonly metrics?: MetricRegistry
  readonly needs?: readonly string[]
  /** How ports are opened; as servers of this process when absent. */
  readonly listen?: Listen
}

/** Where kube-proxy answers: to everybody about its health, and to the node alone with its metrics. */
const healthPort = 10_256
const metricsPort = 10_249

/**
 * Changes are gathered for so long, so that what belongs together is one transaction: as long as the last one took, so that no
 * more than half of the time is spent on them, within these bounds.
 */
const gatherMs = { least: 5, most: 200 }
/** The table is compared with the kernel's so often, or seldom enough that it takes a hundredth of the time. */
const verifyMs = 30_000
/** Changes wait for that once it was in vain so many times in a row. */
const mostInVain = 3
/** What others have changed is put right at once, and then not before this time, or twenty times what that takes. */
const repairMs = 500
/** The watch of changes starts again so long after it has ended. */
const watchAgainMs = 1_000
/** While a table of more elements is replaced nobody watches: to print each of them takes longer than that. */
const mostWatchedElements = 10_000

const problems = {
  apply: 'Cannot apply service rules',
  flows: 'Cannot forget UDP flows to endpoints that have gone',
  verify: 'Cannot check service rules',
  routes: 'Cannot route what the node itself sends to services',
  checks: 'Cannot open health check ports',
  loopback: 'Cannot lead from the loopback of the node to host ports',
} as const
type Work = keyof typeof problems

/** The proxy as a part of a node's process; ready once the kernel has the first whole table. The table stays when it stops. */
export function proxyComponent(options: ProxyOptions): Component {
  return {
    name: 'proxy',
    ...(options.needs === undefined ? {} : { needs: options.needs }),
    run: async (ready, signal) => {
      try {
        await runProxy(options, ready, signal)
      } catch (error) {
        if (!signal.aborted) throw error
      }
    },
  }
}

/** What is kept of one address family. */
interface FamilyState {
  readonly family: Family
  readonly kernel: NftablesTable
  rules: Ruleset
}

async function runProxy(options: ProxyOptions, ready: () => void, signal: AbortSignal): Promise<void> {
  const { informers, nodeName, host, namespaceFile, log } = options
  const { clock } = host
  const queue = new WorkQueue<Work>({ clock, backoff: exponentialBackoff({ first: 100, most: 30_000 }) })
  const families: FamilyState[] = ([4, 6] as const)
    .filter((family) => options.serviceRanges.some((range) => parseCidr(range)?.family === family))
    .map((family) => ({
      family,
      kernel: new NftablesTable(host.nft(namespaceFile), family),
      rules: new Ruleset(family, { clusterPodRanges: [], nodePodRanges: [], serviceRanges: [] }),
    }))
  const currentRanges = (): NodeRanges => {
    const { podCIDR, podCIDRs = podCIDR === undefined ? [] : [podCIDR] } = plan.node?.spec ?? {}
    const nodePortRanges = nodePortRangesOf(options.nodePortAddresses, plan.node)
    return {
      clusterPodRanges: options.clusterPodRanges,
      nodePodRanges: podCIDRs,
      serviceRanges: [...new Set([...options.serviceRanges, ...plan.addedServiceRanges])],
      ...(nodePortRanges === undefined ? {} : { nodePortRanges }),
    }
  }
  const health = new ProxyHealth(clock)
  let gather: number = gatherMs.least

  const plan = new NodePlan({
    nodeName,
    informers,
    since: clock.now(),
    onChange: (kind) => {
      if (kind === 'service') meters.serviceChanges.inc()
      if (kind === 'endpoints') meters.endpointChanges.inc()
      for (const { family } of families) health.queued(family)
      meters.queued(clock.now())
      queue.addAfter('apply', gather)
    },
    onForbidden: (service, addresses) =>
      log.warn('Endpoints are left out: no service leads to addresses of the loopback, of a link or of a group', {
        service,
        addresses: addresses.slice(0, 10),
      }),
  })
  const registry = options.metrics ?? new MetricRegistry()
  const meters = proxyMetrics(
    registry,
    families.map(({ family }) => family),
    plan,
  )
  /** What changes have brought into doubt since flows were looked at. */
  let doubts: Doubts = noDoubts()
  /** When what the kernel has not been told yet was triggered. */
  let untold: readonly number[] = []
  let watch = new AbortController()
  let isWatchPaused = false

  const apply = async (): Promise<void> => {
    const started = clock.now()
    const { changes, triggeredAt } = plan.replan()
    untold = [...untold, ...triggeredAt]
    const ranges = currentRanges()
    if (ranges.serviceRanges.join() !== routed) queue.add('routes')
    let failure: unknown
    for (const state of families) {
      const { family, kernel } = state
      const isSameNode = JSON.stringify(ranges) === JSON.stringify(state.rules.ranges)
      let difference = isSameNode ? state.rules.change(changes) : undefined
      if (difference === undefined || difference.isWorn) {
        difference = undefined
        state.rules = new Ruleset(family, ranges, plan.table.values())
      }
      const [leftOut] = state.rules.leftOut
      if (leftOut !== undefined)
        log.error('Too many different numbers of endpoints and affinity times: some services are not served', {
          first: leftOut.owner,
        })
      isWatchPaused =
        (difference === undefined || !kernel.isCurrent) && state.rules.frontends.size > mostWatchedElements / 4
      if (isWatchPaused) watch.abort()
      try {
        const applied = await kernel.apply(state.rules, difference, signal)
        meters.applied(family, applied, started, clock.now(), untold)
        health.updated(family)
        if (applied.kind !== 'nothing') log.debug('Applied service rules', { ...applied, family })
      } catch (error) {
        meters.failed(family)
        kernel.distrust()
        failure ??= error
      } finally {
        isWatchPaused = false
      }
    }
    gather = Math.min(Math.max(clock.now() - started, gatherMs.least), gatherMs.most)
    addDoubts(doubts, changes)
    if (failure !== undefined) throw failure
    untold = []
    if (doubts.families.size > 0) queue.add('flows')
    queue.add('checks')
    if (plan.leadsFromLoopback && !routesFromLoopback) queue.add('loopback')
  }

  /** Once, and never before the table that keeps others away from the loopback. */
  let routesFromLoopback = false
  const leadFromLoopback = async (): Promise<void> => {
    await routeFromLoopback(host.processes, signal, namespaceFile)
    routesFromLoopback = true
  }

  /** By itself, so that services work on a machine where this cannot be done. */
  const forgetFlows = async (): Promise<void> => {
    const taken = doubts
    doubts = noDoubts()
    try {
      for (const family of taken.families) {
        const started = clock.now()
        const count = await forgetStaleFlows(host.processes, family, plan.table, taken.gone, signal, namespaceFile)
        meters.forgot(family, count, clock.now() - started)
      }
    } catch (error) {
      doubts = { families: taken.families.union(doubts.families), gone: taken.gone.union(doubts.gone) }
      throw error
    }
  }

  const serviceRoutes = new ServiceRoutes(
    host.ip(namespaceFile),
    families.map(({ family }) => family),
  )
  let routed = ''
  const route = async (): Promise<void> => {
    const { serviceRanges } = currentRanges()
    await serviceRoutes.sync(serviceRanges, signal)
    routed = serviceRanges.join()
  }

  let inVain = 0
  const compare = async (): Promise<void> => {
    const started = clock.now()
    const counts = families.map(({ kernel }) => kernel.verifications)
    for (const { kernel } of families) {
      const problem = await kernel.verify(signal)
      if (problem === undefined) continue
      log.warn('The service rules were changed by others and are replaced', { problem })
      queue.add('apply')
    }
    inVain = families.every(({ kernel }, at) => kernel.verifications > counts[at]!) ? 0 : inVain + 1
    queue.addAfter('verify', Math.max(verifyMs, 100 * (clock.now() - started)))
  }
  let comparing = Promise.resolve()
  /** Beside changes, for to list a large table takes seconds; they wait for it only when it was in vain because of them. */
  const verify = async (): Promise<void> => {
    await route()
    // Addresses of links come and go without telling.
    if (options.nodePortAddresses !== undefined && plan.healthChecks.size > 0) queue.add('checks')
    if (inVain >= mostInVain) return compare()
    comparing = compare().catch((error: unknown) => {
      if (!signal.aborted) log.error(problems.verify, { error })
      queue.addAfter('verify', verifyMs)
    })
  }

  await using helpers = new AsyncDisposableStack()
  for (const { kernel } of families) helpers.use(kernel.stayReady())

  const listen = options.listen ?? (namespaceFile === undefined ? listenHttp : undefined)
  const everywhere = families.some(({ family }) => family === 6) ? '::' : '0.0.0.0'
  await using checkPorts = new Listeners()
  const syncChecks = async (): Promise<void> => {
    if (listen === undefined) return
    const { nodePortRanges } = currentRanges()
    const checked = families.map(({ family }) => family)
    const addresses =
      nodePortRanges === undefined || plan.healthChecks.size === 0
        ? []
        : await readAddresses(host.ip(namespaceFile), signal)
    const places = healthCheckAddresses(nodePortRanges, checked, addresses)
    const byKey = new Map<string, { readonly service: string; readonly place: ListenAddress }>(
      [...plan.healthChecks.keys()].flatMap((service) =>
        places.map((place) => [`${service} ${place.host}`, { service, place }] as const),
      ),
    )
    const wanted = new Map([...byKey].map(([key, { service }]) => [key, plan.healthChecks.get(service)!.port]))
    const failed = await checkPorts.sync(wanted, (key, port) => {
      const { service, place } = byKey.get(key)!
      const check = () => plan.healthChecks.get(service)
      return listen(
        serviceHealthHandler(check, () => health.isHealthy),
        { ...place, port },
      )
    })
    for (const { key, port, error } of failed)
      log.error('Cannot open the health check port of a service', { service: byKey.get(key)?.service, port, error })
    if (failed.length > 0) queue.addAfter('checks', verifyMs)
  }
  const servePorts = async (until: AbortSignal): Promise<void> => {
    if (listen === undefined) return
    const serve = (what: string, handler: HttpHandler, where: Parameters<Listen>[1]): Promise<void> => {
      const report = (error: unknown): void => log.error(`Cannot serve ${what}`, { error })
      return keepListening(() => listen(handler, where), { clock, report }, until)
    }
    const count = (path: 'healthz' | 'livez', code: number): void => meters[path].with(String(code)).inc()
    const healthz = healthHandler(health, () => plan.node, count)
    await Promise.all([
      serve('the health of the proxy', healthz, { host: everywhere, port: healthPort }),
      serve('the metrics of the proxy', metricsHandler(registry), { host: '127.0.0.1', port: metricsPort }),
    ])
  }

  /** Replaces what others have changed as soon as the kernel tells. */
  const watchOthers = async (until: AbortSignal): Promise<void> => {
    const byName = new Map(families.map((each) => [each.family === 4 ? 'ip' : 'ip6', each]))
    const read = tableWatch((name, generation) => byName.get(name)?.kernel.isOwnGeneration(generation) === true)
    let repairedAt = -Infinity
    const onLine = (line: string): void => {
      for (const name of read(line)) {
        const state = byName.get(name)
        if (state === undefined) continue
        if (state.kernel.isCurrent)
          log.warn('The service rules were changed by others and are replaced', { family: state.family })
        state.kernel.distrust()
        const wait = Math.max(0, repairedAt + Math.max(repairMs, 20 * gather) - clock.now())
        repairedAt = clock.now() + wait
        queue.addAfter('apply', wait)
      }
    }
    while (!until.aborted) {
      watch = new AbortController()
      const either = AbortSignal.any([until, watch.signal])
      try {
        if (!isWatchPaused) await watchRules(host.processes, onLine, either, namespaceFile)
      } catch (error) {
        if (!either.aborted) log.warn('Cannot watch for changes of the service rules by others', { error })
      }
      await clock.sleep(watchAgainMs, until).catch(() => undefined)
    }
  }

  const stop = (): void => queue.close()
  signal.addEventListener('abort', stop, { once: true })
  const ending = new AbortController()
  const until = AbortSignal.any([signal, ending.signal])
  const beside = [servePorts(until)]
  try {
    await plan.synced(signal)
    using _ = plan.follow()
    await route()
    const work = { apply, flows: forgetFlows, verify, routes: route, checks: syncChecks, loopback: leadFromLoopback }
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
          beside.push(watchOthers(until))
        }
      } catch (error) {
        if (signal.aborted) break
        log.error(problems[key], { error })
        queue.retry(key)
      }
      queue.done(key)
    }
  } finally {
    signal.removeEventListener('abort', stop)
    queue.close()
    ending.abort()
    await Promise.all([...beside, comparing])
  }
}

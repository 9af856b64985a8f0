/** The DNS server of one node: answers there for the whole cluster, from copies of its own. */
import { namespaces } from '#api/core/v1/namespace.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import { services, type Service } from '#api/core/v1/service.ts'
import { endpointSlices } from '#api/discovery/v1/endpointSlice.ts'
import type { EventRecorder } from '#client/events.ts'
import type { Informer } from '#client/informer.ts'
import type { Informers } from '#client/informers.ts'
import { podNetworkPart } from '#client/podNetworkPart.ts'
import type { Component } from '#lib/component.ts'
import type { Host } from '#lib/host/host.ts'
import type { Logger } from '#lib/log.ts'
import { addProcessMetrics, MetricRegistry } from '#lib/metrics.ts'
import type { Random } from '#lib/random.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'

import { AnswerCache, watchedRecords, type Source } from './answerCache.ts'
import { searchListOf } from './autopath.ts'
import { buildBlocks, type Blocks } from './blocks.ts'
import { followConfiguration } from './configuration.ts'
import type { ServerSettings } from './corefile/settings.ts'
import { dnsMetrics } from './dnsMetrics.ts'
import { socketExchange, type Upstream } from './exchange.ts'
import { readSearchList, readUpstreams } from './forward.ts'
import { dnsListeners, type Wanted } from './listeners.ts'
import { nameServer, type NameServer } from './nameServer.ts'
import { followRecords, followSources, programmingSeconds, sourcesOfPod } from './recordChanges.ts'
import { clusterRecords, podAddresses, podAddressIndex, serviceOf } from './records.ts'
import { responder, type ReplySeries } from './respond.ts'

export interface DnsOptions {
  readonly informers: Informers
  readonly host: Pick<Host, 'ip' | 'files' | 'clock'>
  readonly random: Random
  /** Such as `cluster.local`. */
  readonly domain: string
  /**
   * The addresses of the Service `kube-dns`. They are put on the loopback of this network namespace, where only this node
   * sees them, so that questions are answered on the node where they are asked, without translation: the service proxy
   * leaves addresses of services alone that the node itself has.
   */
  readonly serviceAddresses: readonly string[]
  /** The node's own addresses to listen on as well, so that the service has endpoints; none when absent. */
  readonly nodeAddresses?: readonly string[]
  /** Ranges of services and pods: nobody else is asked for the names of their addresses. */
  readonly ranges: readonly string[]
  /** What `/etc/resolv.conf` means in a Corefile: that file of the machine when absent. */
  readonly resolvConf?: string
  readonly log: Logger
  /** Tells people what is wrong with their Corefile; absent where another node does. */
  readonly events?: EventRecorder
  readonly needs?: readonly string[]
  /** 53 when absent. */
  readonly port?: number
}

/** The file with upstream servers is read so often. */
const readUpstreamsMs = 30_000

/** Pods that the service `kube-dns` of a cluster selects: those that show this very server. */
const ownSelector = { 'k8s-app': 'kube-dns' }

/** The DNS server as a part of a node's process; ready once it listens with the first complete state. */
export function dnsComponent(options: DnsOptions): Component {
  return {
    name: 'dns',
    ...(options.needs === undefined ? {} : { needs: options.needs }),
    run: async (ready, signal) => {
      try {
        await runDns(options, ready, signal)
      } catch (error) {
        if (!signal.aborted) throw error
      }
    },
  }
}

async function runDns(options: DnsOptions, ready: () => void, signal: AbortSignal): Promise<void> {
  const { informers, host, log, domain, serviceAddresses, nodeAddresses = [] } = options
  const { clock } = host
  await using stack = new AsyncDisposableStack()
  const stop = new AbortController()
  stack.defer(() => stop.abort())
  const running = AbortSignal.any([signal, stop.signal])

  const registry = new MetricRegistry()
  addProcessMetrics(registry, clock.now())
  const metrics = dnsMetrics(registry, () => current.server, log)
  const configuration = followConfiguration({
    informers,
    domain,
    log,
    ...(options.events === undefined ? {} : { events: options.events }),
    failed: () => metrics.reloadFailed(),
  })
  const copies = [informers.of(services), informers.of(endpointSlices), informers.of(namespaces)] as const
  const answers = new AnswerCache<ReplySeries>()
  const podCopy = podFollower(informers, (source) => answers.changed(source))
  stack.use(podCopy)
  const records = watchedRecords(
    clusterRecords(...copies, () => podCopy.copy),
    (source) => respond.look(source),
  )

  const file = await followUpstreamFile(options, [...serviceAddresses, ...nodeAddresses], running)
  const build = (): { readonly blocks: Blocks; readonly server: NameServer } => {
    const blocks = buildBlocks(configuration.servers, {
      clock,
      random: options.random,
      exchange: socketExchange,
      metrics,
      log,
      serverAddresses: serviceAddresses,
      ranges: options.ranges,
      ownAddresses: [...serviceAddresses, ...nodeAddresses],
      serversOfFile: () => file.servers,
    })
    const server = nameServer({
      blocks: blocks.blocks,
      records,
      isUpstream: blocks.isUpstream,
      searchListOf: (address, of) => {
        const namespace = podCopy.copy?.byIndex(podAddressIndex, address)[0]?.metadata.namespace
        return namespace === undefined ? undefined : searchListOf(namespace, of, file.searchList)
      },
    })
    return { blocks, server }
  }
  let current = build()
  stack.defer(() => current.blocks[Symbol.dispose]())
  registry.onRender(() => {
    for (const { cache, settings } of current.blocks.blocks)
      for (const kind of ['success', 'denial'] as const)
        if (cache !== undefined) metrics.setCacheSize(settings.cache!.zones, kind, cache.size(kind))
  })
  const respond = responder({
    nameServer: () => current.server,
    answers,
    observer: metrics.replies,
    report: (problem, error) => {
      metrics.panicked()
      log.error(problem, { error })
    },
    now: () => performance.now() / 1000,
  })

  await Promise.all([...copies, configuration].map((copy) => copy.synced(running)))
  stack.use(followRecords(copies, (source) => answers.changed(source)))
  stack.use(
    copies[1].onChange((change) => {
      const key = serviceOf(change.new ?? change.old!)?.[0]
      const service = key === undefined ? undefined : copies[0].get(key)
      const seconds = change.old === undefined ? undefined : programmingSeconds(change, service, clock.now())
      if (seconds !== undefined) metrics.programmed(seconds)
    }),
  )

  const listeners = stack.use(
    dnsListeners({
      ip: host.ip(),
      clock,
      log,
      respond: respond.respond,
      port: options.port ?? 53,
      renderMetrics: () => registry.render(),
    }),
  )
  const changes = signalling()
  stack.use(configuration.onChange(() => changes.tell('configuration')))
  stack.use(
    copies[0].onChange(({ old, new: next }) => {
      if (isOwnService(next ?? old!)) changes.tell('service')
    }),
  )
  let standsAside: boolean | undefined
  for (let isFirst = true; ; isFirst = false) {
    const what = isFirst ? new Set(['configuration']) : await changes.next(running)
    if (what.has('configuration')) {
      if (needsPods(configuration.servers)) await podCopy.follow(running)
      const before = current
      current = build()
      answers.clear()
      if (!isFirst) before.blocks[Symbol.dispose]()
    }
    const service = copies[0].get(ownService)
    const isAside = service !== undefined && !sameJson(service.spec.selector, ownSelector)
    if (isAside !== standsAside && (isAside || !isFirst))
      log.info(isAside ? 'Service kube-dns selects other pods: they answer now' : 'Questions are answered here again')
    standsAside = isAside
    await listeners.set(isAside ? aside(serviceAddresses) : wantedOf(options, configuration.servers), running)
    if (isFirst) ready()
  }
}

/** The Service whose address pods ask. */
const ownService = 'kube-system/kube-dns'
const isOwnService = ({ metadata }: Service): boolean => `${metadata.namespace}/${metadata.name}` === ownService

/** The service proxy leads to other servers, where this one has none of the addresses. */
const aside = (serviceAddresses: readonly string[]): Wanted => ({ own: [], others: [], disowned: serviceAddresses })

function wantedOf({ serviceAddresses, nodeAddresses = [] }: DnsOptions, servers: readonly ServerSettings[]): Wanted {
  const metricsPort = servers.find((each) => each.metricsPort !== undefined)?.metricsPort
  return {
    own: serviceAddresses,
    others: nodeAddresses,
    disowned: [],
    ...(metricsPort === undefined ? {} : { metricsPort }),
  }
}

const needsPods = (servers: readonly ServerSettings[]): boolean =>
  servers.some(({ kubernetes, autopath }) => kubernetes?.pods === 'verified' || autopath !== undefined)

/** All pods of the cluster, followed from the moment at which a Corefile needs them. */
function podFollower(informers: Pick<Informers, 'partOf' | 'release'>, changed: (source: Source) => void) {
  let copy: Informer<Pod> | undefined
  let following: Disposable | undefined
  return {
    get copy() {
      return copy
    },
    async follow(signal: AbortSignal): Promise<void> {
      if (copy !== undefined) return
      const taken = informers.partOf(pods, podNetworkPart)
      taken.addIndex(podAddressIndex, podAddresses)
      await taken.synced(signal)
      following = followSources(taken, sourcesOfPod, changed)
      copy = taken
    },
    [Symbol.dispose]() {
      following?.[Symbol.dispose]()
      if (copy !== undefined) informers.release(copy)
    },
  }
}

/** Reads the file of upstream servers now and from time to time. */
async function followUpstreamFile(
  { host, log, resolvConf = '/etc/resolv.conf' }: DnsOptions,
  own: readonly string[],
  signal: AbortSignal,
) {
  let servers: readonly Upstream[] = []
  let searchList: readonly string[] = []
  const read = async (): Promise<void> => {
    try {
      const text = (await host.files.readText(resolvConf, 1024 * 1024)) ?? ''
      const next = readUpstreams(text, own)
      if (!sameJson(next, servers))
        log.info('The file of upstream servers names these', {
          file: resolvConf,
          servers: next.map(({ address }) => address),
        })
      servers = next
      searchList = readSearchList(text)
    } catch (error) {
      log.warn('Cannot read which servers to ask for other names', { file: resolvConf, error })
    }
  }
  await read()
  const again = async (): Promise<void> => {
    for (;;) {
      await host.clock.sleep(readUpstreamsMs, signal)
      await read()
    }
  }
  // It ends with the signal alone.
  again().catch(() => {})
  return {
    get servers() {
      return servers
    },
    get searchList() {
      return searchList
    },
  }
}

/** Words told until somebody asks for them, each once. */
function signalling() {
  let told = new Set<string>()
  let wake: () => void = () => {}
  return {
    tell(word: string): void {
      told.add(word)
      wake()
    },
    async next(signal: AbortSignal): Promise<ReadonlySet<string>> {
      while (told.size === 0) {
        signal.throwIfAborted()
        await new Promise<void>((resolve) => {
          wake = resolve
          signal.addEventListener('abort', () => resolve(), { once: true })
        })
      }
      signal.throwIfAborted()
      const taken = told
      told = new Set()
      return taken
    },
  }
}

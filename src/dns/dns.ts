/** The DNS server of one node: answers there for the whole cluster, from copies of its own. */
import { namespaces } from '#api/core/v1/namespace.ts'
import { services } from '#api/core/v1/service.ts'
import { endpointSlices } from '#api/discovery/v1/endpointSlice.ts'
import type { Informers } from '#client/informers.ts'
import { exponentialBackoff } from '#lib/async/backoff.ts'
import type { Component } from '#lib/component.ts'
import type { Host } from '#lib/host/host.ts'
import type { Logger } from '#lib/log.ts'
import type { MetricRegistry } from '#lib/metrics.ts'
import type { Random } from '#lib/random.ts'

import { socketExchange } from './exchange.ts'
import type { Upstream } from './exchange.ts'
import { forwarder, readUpstreams } from './forward.ts'
import { clusterRecords } from './records.ts'
import { responder } from './respond.ts'
import type { Respond, ResponderOptions } from './respond.ts'
import { listenDns } from './server.ts'

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
  /** Who is asked for other names: `/etc/resolv.conf` when absent. */
  readonly resolvConf?: string
  readonly log: Logger
  readonly metrics?: MetricRegistry
  readonly needs?: readonly string[]
  /** 53 when absent. */
  readonly port?: number
}

/** The configuration of upstream servers is read so often. */
const readConfigurationMs = 30_000

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
  const { informers, host, log } = options
  const { clock } = host
  const resolvConf = options.resolvConf ?? '/etc/resolv.conf'
  const addresses = [...options.serviceAddresses, ...(options.nodeAddresses ?? [])]
  const copies = [informers.of(services), informers.of(endpointSlices), informers.of(namespaces)] as const
  const records = clusterRecords(...copies)

  let upstreams: readonly Upstream[] = []
  const readConfiguration = async (): Promise<void> => {
    try {
      const next = readUpstreams((await host.files.readText(resolvConf, 1024 * 1024)) ?? '', addresses)
      if (JSON.stringify(next) !== JSON.stringify(upstreams))
        log.info('Other names are asked of these servers', { servers: next.map((each) => each.address) })
      upstreams = next
    } catch (error) {
      log.warn('Cannot read which servers to ask for other names', { file: resolvConf, error })
    }
  }
  await readConfiguration()
  await Promise.all(copies.map((copy) => copy.synced(signal)))

  const observe = options.metrics === undefined ? undefined : dnsMetrics(options.metrics)
  const respond = responder({
    records,
    zone: { domain: options.domain.toLowerCase(), serverAddresses: options.serviceAddresses, ranges: options.ranges },
    forwarder: forwarder({ clock, random: options.random, exchange: socketExchange, upstreams: () => upstreams }),
    isUpstream: (address) => upstreams.some((upstream) => upstream.address === address),
    report: (problem, error) => log.error(problem, { error }),
    ...(observe === undefined ? {} : { observe }),
    signal,
  })

  await using stack = new AsyncDisposableStack()
  const ip = host.ip()
  const host32 = (address: string): string => `${address}/${address.includes(':') ? 128 : 32}`
  const remove = options.serviceAddresses.map((address) => `address delete ${host32(address)} dev lo`)
  stack.defer(async () => void (await ip.attempt(remove)))
  await ip.batch(
    options.serviceAddresses.map((address) => `address replace ${host32(address)} dev lo`),
    signal,
  )
  for (const address of addresses) stack.use(await listenPatiently(address, options, respond, signal))
  ready()
  while (!signal.aborted) {
    await clock.sleep(readConfigurationMs, signal)
    await readConfiguration()
  }
}

/** Listens as soon as it can: another server may only be on its way out. */
async function listenPatiently(address: string, options: DnsOptions, respond: Respond, signal: AbortSignal) {
  const { clock } = options.host
  const backoff = exponentialBackoff({ first: 100, most: 10_000 })
  const report = (problem: string, error: unknown): void => options.log.error(problem, { error, address })
  for (;;) {
    try {
      return await listenDns({ address, port: options.port ?? 53, respond, clock, report })
    } catch (error) {
      report('Cannot listen for DNS questions', error)
    }
    await clock.sleep(backoff.next(address), signal)
  }
}

function dnsMetrics(registry: MetricRegistry): NonNullable<ResponderOptions['observe']> {
  const responses = registry.counter({
    name: 'k8ts_dns_responses_total',
    help: 'DNS replies by transport, type of the question and result code.',
    labels: ['transport', 'type', 'code'],
  })
  const codes = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED']
  const types = new Set(['A', 'AAAA', 'CNAME', 'MX', 'NS', 'PTR', 'SOA', 'SRV', 'TXT'])
  return (query, client, code) => {
    const type = query !== undefined && types.has(query.type) ? query.type : 'other'
    responses.with(client.transport, type, codes[code] ?? String(code)).inc()
  }
}

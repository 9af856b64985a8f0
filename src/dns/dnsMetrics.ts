/** The metrics of the DNS server, under the names that CoreDNS gives them, and its log of questions in CoreDNS's form. */
import type { Logger } from '#lib/log.ts'
import { exponentialBuckets, type MetricRegistry } from '#lib/metrics.ts'

import { closestZone } from './corefile/settings.ts'
import type { ForwardObserver } from './forward.ts'
import type { Query } from './message.ts'
import type { Client, NameServer } from './nameServer.ts'
import type { CacheObserver } from './replyCache.ts'
import type { ReplyObserver, ReplySeries } from './respond.ts'

export interface DnsMetrics {
  readonly replies: ReplyObserver
  cacheOf(zones: readonly string[]): CacheObserver
  readonly forward: ForwardObserver
  /** Tells how many replies each kept of the zones' replies are. */
  setCacheSize(zones: readonly string[], kind: 'success' | 'denial', size: number): void
  reloadFailed(): void
  panicked(): void
  /** A service has had other endpoints for so many seconds when their names changed. */
  programmed(seconds: number): void
}

const server = 'dns://:53'
/** There are no views here; dashboards expect the label. */
const view = ''
const codes = [
  'NOERROR',
  'FORMERR',
  'SERVFAIL',
  'NXDOMAIN',
  'NOTIMP',
  'REFUSED',
  'YXDOMAIN',
  'YXRRSET',
  'NXRRSET',
  'NOTAUTH',
  'NOTZONE',
]
const types = new Set([
  'A',
  'AAAA',
  'MX',
  'SOA',
  'CNAME',
  'PTR',
  'TXT',
  'NS',
  'SRV',
  'DS',
  'DNSKEY',
  'RRSIG',
  'NSEC',
  'NSEC3',
  'HTTPS',
  'SVCB',
  'ANY',
  'IXFR',
  'AXFR',
])
const timeBuckets = exponentialBuckets(0.00025, 2, 16)
const sizeBuckets = [0, 100, 200, 300, 400, 511, 1023, 2047, 4095, 8291, 16_000, 32_000, 48_000, 64_000]

const nameOf = (zone: string): string => (zone === '' ? '.' : `${zone}.`)
const zonesText = (zones: readonly string[]): string => zones.map(nameOf).join(',')

export function dnsMetrics(registry: MetricRegistry, nameServer: () => NameServer, log: Logger): DnsMetrics {
  const counter = (name: string, help: string, ...labels: string[]) =>
    registry.counter({ name: `coredns_${name}`, help, labels })
  const histogram = (name: string, help: string, buckets: readonly number[], ...labels: string[]) =>
    registry.histogram({ name: `coredns_${name}`, help, buckets, labels })
  const requests = counter(
    'dns_requests_total',
    'Counter of DNS requests made per zone, protocol and family.',
    'server',
    'zone',
    'view',
    'proto',
    'family',
    'type',
  )
  const durations = histogram(
    'dns_request_duration_seconds',
    'Histogram of the time (in seconds) each request took per zone.',
    timeBuckets,
    'server',
    'zone',
    'view',
  )
  const requestSizes = histogram(
    'dns_request_size_bytes',
    'Size of the EDNS0 UDP buffer in bytes (64K for TCP) per zone and protocol.',
    sizeBuckets,
    'server',
    'zone',
    'view',
    'proto',
  )
  const dnssec = counter(
    'dns_do_requests_total',
    'Counter of DNS requests with DO bit set per zone.',
    'server',
    'zone',
    'view',
  )
  const responseSizes = histogram(
    'dns_response_size_bytes',
    'Size of the returned response in bytes.',
    sizeBuckets,
    'server',
    'zone',
    'view',
    'proto',
  )
  const responses = counter(
    'dns_responses_total',
    'Counter of response status codes.',
    'server',
    'zone',
    'view',
    'rcode',
    'plugin',
  )
  const panics = counter('panics_total', 'A metrics that counts the number of panics.')
  const cacheHits = counter('cache_hits_total', 'The count of cache hits.', 'server', 'type', 'zones', 'view')
  const cacheMisses = counter('cache_misses_total', 'The count of cache misses.', 'server', 'zones', 'view')
  const cacheRequests = counter('cache_requests_total', 'The count of cache requests.', 'server', 'zones', 'view')
  const cachePrefetches = counter(
    'cache_prefetch_total',
    'The number of times the cache has prefetched a cached item.',
    'server',
    'zones',
    'view',
  )
  const cacheEvictions = counter(
    'cache_evictions_total',
    'The count of cache evictions.',
    'server',
    'type',
    'zones',
    'view',
  )
  const cacheEntries = registry.gauge({
    name: 'coredns_cache_entries',
    help: 'The number of elements in the cache.',
    labels: ['server', 'type', 'zones', 'view'],
  })
  const rejects = counter(
    'forward_max_concurrent_rejects_total',
    'Counter of the number of queries rejected because the concurrent queries were at maximum.',
  )
  const broken = counter(
    'forward_healthcheck_broken_total',
    'Counter of the number of complete failures of the healthchecks.',
  )
  const forwarded = histogram(
    'proxy_request_duration_seconds',
    'Histogram of the time each request took.',
    timeBuckets,
    'proxy_name',
    'to',
    'rcode',
  )
  const probes = counter(
    'proxy_healthcheck_failures_total',
    'Counter of the number of failed healthchecks.',
    'proxy_name',
    'to',
  )
  const reloadFailures = counter('reload_failed_total', 'Counter of the number of failed reload attempts.')
  const programming = histogram(
    'kubernetes_dns_programming_duration_seconds',
    'Histogram of the time (in seconds) it took to program a dns instance.',
    exponentialBuckets(0.001, 2, 20),
    'service_kind',
  )

  const blockOf = (query: Query | undefined) =>
    query === undefined ? undefined : nameServer().blockOf(query.labels.join('.'))
  const codeName = (code: number): string => codes[code] ?? String(code)

  const makeSeries = (
    zone: string,
    proto: string,
    family: string,
    type: string,
    dnssecOk: boolean,
    code: number,
    plugin: string,
  ): ReplySeries => {
    const request = requests.with(server, zone, view, proto, family, type)
    const duration = durations.with(server, zone, view)
    const requestSize = requestSizes.with(server, zone, view, proto)
    const responseSize = responseSizes.with(server, zone, view, proto)
    const response = responses.with(server, zone, view, codeName(code), plugin)
    const dnssecRequest = dnssecOk ? dnssec.with(server, zone, view) : undefined
    return {
      replied(questionSize, replySize, seconds) {
        request.inc()
        duration.observe(seconds)
        requestSize.observe(questionSize)
        responseSize.observe(replySize)
        response.inc()
        dnssecRequest?.inc()
      },
    }
  }
  /** A few hundred at most: zones, types and codes are those of a fixed list or of the configuration. */
  const made = new Map<string, ReplySeries>()

  return {
    replies: {
      seriesOf(query, client, code, plugin) {
        const zones = blockOf(query)?.settings.zones ?? []
        // A name that no block serves is counted where CoreDNS counts it.
        const zone = query === undefined ? 'dropped' : nameOf(closestZone(query.labels.join('.'), zones) ?? '')
        const type = query !== undefined && types.has(query.type) ? query.type : 'other'
        const family = client.address.includes(':') ? '2' : '1'
        const dnssecOk = query?.edns?.dnssecOk === true
        const key = [zone, client.transport, family, type, dnssecOk, code, plugin].join(' ')
        let series = made.get(key)
        if (series === undefined) {
          series = makeSeries(zone, client.transport, family, type, dnssecOk, code, plugin)
          made.set(key, series)
        }
        return series
      },
      logs(name) {
        const settings = nameServer().blockOf(name)?.settings.log
        return settings !== undefined && closestZone(name, settings.zones) !== undefined
      },
      log(query, client, reply, questionSize, seconds) {
        const name = query.labels.join('.')
        const settings = nameServer().blockOf(name)?.settings.log
        if (settings === undefined || closestZone(name, settings.zones) === undefined) return
        const { classes } = settings
        if (classes.has('all') || classes.has(classOf(reply)))
          log.info(lineOf(query, client, reply, questionSize, seconds))
      },
    },
    cacheOf(zones) {
      const text = zonesText(zones)
      const requested = cacheRequests.with(server, text, view)
      const missed = cacheMisses.with(server, text, view)
      return {
        hit(kind) {
          requested.inc()
          cacheHits.with(server, kind, text, view).inc()
        },
        miss() {
          requested.inc()
          missed.inc()
        },
        evicted: (kind) => cacheEvictions.with(server, kind, text, view).inc(),
        prefetched: () => cachePrefetches.with(server, text, view).inc(),
      }
    },
    forward: {
      replied: ({ address, port }, code, seconds) =>
        forwarded.with('forward', joinAddress(address, port), codeName(code)).observe(seconds),
      probeFailed: ({ address, port }) => probes.with('forward', joinAddress(address, port)).inc(),
      allFailed: () => broken.inc(),
      rejected: () => rejects.inc(),
    },
    setCacheSize: (zones, kind, size) => cacheEntries.with(server, kind, zonesText(zones), view).set(size),
    reloadFailed: () => reloadFailures.inc(),
    panicked: () => panics.inc(),
    programmed: (seconds) => programming.with('headless_with_selector').observe(seconds),
  }
}

const joinAddress = (address: string, port: number): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`

/** As what a reply counts in a log. */
function classOf(reply: Buffer): 'success' | 'denial' | 'error' {
  const code = reply[3]! & 0xf
  if (code === 3 || (code === 0 && reply.readUInt16BE(6) === 0)) return 'denial'
  return code === 0 ? 'success' : 'error'
}

const flagNames: readonly (readonly [number, string])[] = [
  [0x8000, 'qr'],
  [0x0400, 'aa'],
  [0x0200, 'tc'],
  [0x0100, 'rd'],
  [0x0080, 'ra'],
  [0x0020, 'ad'],
  [0x0010, 'cd'],
]

function lineOf(query: Query, client: Client, reply: Buffer, questionSize: number, seconds: number): string {
  const bits = reply.readUInt16BE(2)
  const flags = flagNames.filter(([bit]) => (bits & bit) !== 0).map(([, name]) => name)
  const question = `${query.type} IN ${query.labels.join('.')}. ${client.transport} ${questionSize}`
  const edns = `${query.edns?.dnssecOk === true} ${query.edns?.size ?? 512}`
  const result = `${codes[bits & 0xf] ?? bits & 0xf} ${flags.join(',')} ${reply.length} ${seconds.toFixed(9)}s`
  return `${client.address} - ${query.id} "${question} ${edns}" ${result}`
}

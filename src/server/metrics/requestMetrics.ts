import {
  requestBuckets,
  type Counter,
  type Gauge,
  type Histogram,
  type HistogramSeries,
  type MetricRegistry,
  type Series,
} from '#lib/metrics.ts'
import type { Kind } from '../kind.ts'
import type { RequestInfo } from '../requestInfo.ts'

/** Upper bounds of what users wait for; without the small ones, for there are many such series. */
const sliBuckets = requestBuckets.filter((bound) => bound >= 0.05)
const sizeBuckets = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9]
const bodyBuckets = Array.from({ length: 31 }, (_, index) => 50_000 + index * 100_000)

const component = 'apiserver'

/** One answered request, as far as it is counted. */
export interface AnsweredRequest {
  readonly info: RequestInfo
  readonly method: string
  /** The kind that the path names; undefined: what the path says stays out, each name would be a series of its own. */
  readonly kind: Kind | undefined
  readonly isApply: boolean
  /** `All` for requests that only try. */
  readonly dryRun: string
}

interface RequestSeries {
  readonly total: Series
  readonly duration: HistogramSeries | undefined
  readonly sli: HistogramSeries | undefined
  /** The sizes of answers to reads; undefined for other requests. */
  readonly sizes: HistogramSeries | undefined
}

/** Combinations that are kept ready. */
const mostKept = 10_000

export class RequestMetrics {
  readonly #kept = new Map<string, RequestSeries>()
  readonly #totals: Counter
  readonly #durations: Histogram
  readonly #sli: Histogram
  readonly #sizes: Histogram
  readonly #bodies: Histogram
  readonly #longRunning: Gauge
  readonly #terminations: Counter
  readonly #aborts: Counter
  readonly #deprecated: Gauge
  readonly #watchEvents: Counter
  readonly #cutWatchers: Counter
  readonly #bodySeries = new Map<string, HistogramSeries>()
  readonly #eventSeries = new WeakMap<Kind, Series>()

  constructor(registry: MetricRegistry) {
    const place = ['group', 'resource', 'scope', 'subresource', 'verb', 'version']
    this.#totals = registry.counter({
      name: 'apiserver_request_total',
      help: 'Counter of apiserver requests broken out for each verb, dry run value, group, version, resource, scope, component, and HTTP response code.',
      labels: ['code', 'component', 'dry_run', ...place],
    })
    this.#durations = registry.histogram({
      name: 'apiserver_request_duration_seconds',
      help: 'Response latency distribution in seconds for each verb, dry run value, group, version, resource, subresource, scope and component.',
      labels: ['component', 'dry_run', ...place],
      buckets: requestBuckets,
    })
    this.#sli = registry.histogram({
      name: 'apiserver_request_sli_duration_seconds',
      help: 'Response latency distribution (not counting webhook duration and priority & fairness queue wait times) in seconds for each verb, group, version, resource, subresource, scope and component.',
      labels: ['component', ...place],
      buckets: sliBuckets,
    })
    this.#sizes = registry.histogram({
      name: 'apiserver_response_sizes',
      help: 'Response size distribution in bytes for each group, version, verb, resource, subresource, scope and component.',
      labels: ['component', ...place],
      buckets: sizeBuckets,
    })
    this.#bodies = registry.histogram({
      name: 'apiserver_request_body_size_bytes',
      help: 'Apiserver request body size in bytes broken out by resource and verb.',
      labels: ['resource', 'verb'],
      buckets: bodyBuckets,
    })
    this.#longRunning = registry.gauge({
      name: 'apiserver_longrunning_requests',
      help: 'Gauge of all active long-running apiserver requests broken out by verb, group, version, resource, scope and component. Not all requests are tracked this way.',
      labels: ['component', ...place],
    })
    this.#terminations = registry.counter({
      name: 'apiserver_request_terminations_total',
      help: 'Number of requests which apiserver terminated in self-defense.',
      labels: ['code', 'component', ...place],
    })
    this.#aborts = registry.counter({
      name: 'apiserver_request_aborts_total',
      help: 'Number of requests which apiserver aborted possibly due to a timeout, for each group, version, verb, resource, subresource and scope',
      labels: place,
    })
    this.#deprecated = registry.gauge({
      name: 'apiserver_requested_deprecated_apis',
      help: 'Gauge of deprecated APIs that have been requested, broken out by API group, version, resource, subresource, and removed_release.',
      labels: ['group', 'removed_release', 'resource', 'subresource', 'version'],
    })
    this.#watchEvents = registry.counter({
      name: 'apiserver_watch_events_total',
      help: 'Number of events sent in watch clients',
      labels: ['group', 'resource', 'version'],
    })
    this.#cutWatchers = registry.counter({
      name: 'apiserver_terminated_watchers_total',
      help: 'Counter of watchers closed due to unresponsiveness broken by resource type.',
      labels: ['group', 'resource'],
    })
  }

  /** Counts an answered request; long-lived ones when they begin. `outside`: milliseconds spent on waiting for webhooks. */
  done(request: AnsweredRequest, code: number, milliseconds: number, outside: number): HistogramSeries | undefined {
    const { info, kind, dryRun } = request
    const verb = reportedVerb(request)
    const { group, version, resource, subresource } = kind === undefined ? nowhere : info
    const path = kind === undefined && !info.isResource ? healthPath(info.path) : subresource
    const scope = scopeOf(info)
    const key = `${code} ${verb} ${group} ${version} ${resource} ${path} ${scope} ${dryRun}`
    let series = this.#kept.get(key)
    if (series === undefined) {
      const place = [group, resource, scope, path, verb, version] as const
      series = this.#make(code, dryRun, place, verb)
      if (this.#kept.size < mostKept) this.#kept.set(key, series)
    }
    series.total.inc()
    series.duration?.observe(milliseconds / 1_000)
    series.sli?.observe(Math.max(0, milliseconds - outside) / 1_000)
    return series.sizes
  }

  /** Counts a request that was given up: too many at once, or too long. */
  terminated(request: AnsweredRequest, code: number): void {
    this.#terminations.with(String(code), component, ...placeOf(request)).inc()
  }

  /** Counts a request whose time was up. */
  aborted(request: AnsweredRequest): void {
    this.#aborts.with(...placeOf(request)).inc()
  }

  /** Counts a request while it lasts. */
  begins(request: AnsweredRequest): Disposable {
    const gauge = this.#longRunning.with(component, ...placeOf(request))
    gauge.inc()
    return { [Symbol.dispose]: () => gauge.dec() }
  }

  /** Notes that somebody still asks for what will go. */
  deprecatedAsked({ group, version, resource, subresource }: RequestInfo): void {
    // In which release it goes is not known.
    this.#deprecated.with(group, '', resource, subresource, version).set(1)
  }

  bodyRead({ verb, resource }: RequestInfo, bytes: number): void {
    const key = `${verb} ${resource}`
    let series = this.#bodySeries.get(key)
    if (series === undefined) {
      series = this.#bodies.with(resource, verb)
      if (this.#bodySeries.size < mostKept) this.#bodySeries.set(key, series)
    }
    series.observe(bytes)
  }

  /** Counts the events of watches of a kind. */
  watchEvents(kind: Kind): Series {
    let series = this.#eventSeries.get(kind)
    if (series === undefined) {
      const { group, plural, version } = kind.resource
      this.#eventSeries.set(kind, (series = this.#watchEvents.with(group, plural, version)))
    }
    return series
  }

  /** Counts a watcher that took nothing any more. */
  watcherCut({ resource: { group, plural } }: Kind): void {
    this.#cutWatchers.with(group, plural).inc()
  }

  #make(
    code: number,
    dryRun: string,
    place: readonly [string, string, string, string, string, string],
    verb: string,
  ): RequestSeries {
    const isLong = verb === 'WATCH' || verb === 'CONNECT'
    return {
      total: this.#totals.with(String(code), component, dryRun, ...place),
      duration: isLong ? undefined : this.#durations.with(component, dryRun, ...place),
      sli: isLong ? undefined : this.#sli.with(component, ...place),
      sizes: verb === 'GET' || verb === 'LIST' ? this.#sizes.with(component, ...place) : undefined,
    }
  }
}

const nowhere = { group: '', version: '', resource: '', subresource: '' }

const verbs: Readonly<Record<string, string>> = { create: 'POST', update: 'PUT' }
const connections: ReadonlySet<string> = new Set(['attach', 'exec', 'portforward', 'proxy'])

function reportedVerb({ info, method, isApply }: AnsweredRequest): string {
  if (!info.isResource) return method
  if (isApply) return 'APPLY'
  return connections.has(info.subresource) ? 'CONNECT' : (verbs[info.verb] ?? info.verb.toUpperCase())
}

function placeOf(request: AnsweredRequest): [string, string, string, string, string, string] {
  const { info, kind } = request
  const { group, version, resource, subresource } = kind === undefined ? nowhere : info
  return [group, resource, scopeOf(info), subresource, reportedVerb(request), version]
}

function scopeOf({ isResource, name, namespace, verb }: RequestInfo): string {
  if (!isResource) return ''
  return name !== '' || verb === 'create' ? 'resource' : namespace !== '' ? 'namespace' : 'cluster'
}

/** Health is asked for by its path. */
function healthPath(path: string): string {
  return path === '/healthz' || path === '/livez' || path === '/readyz' ? path : ''
}

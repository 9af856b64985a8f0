import { requestBuckets, type HistogramSeries, type MetricRegistry, type Series } from '#lib/metrics.ts'
import type { RequestInfo } from './requestInfo.ts'
import { keyRoot, type WatchCache } from './watchCache.ts'

/** What the server counts about itself. */
export class ServerMetrics {
  readonly registry: MetricRegistry
  readonly #series = new Map<string, { readonly total: Series; readonly duration: HistogramSeries }>()
  readonly #totals
  readonly #durations
  readonly #watches

  constructor(registry: MetricRegistry, cache: WatchCache) {
    this.registry = registry
    this.#totals = registry.counter({
      name: 'apiserver_request_total',
      help: 'Counter of apiserver requests broken out for each verb, dry run value, group, version, resource, scope, component, and HTTP response code.',
      labels: ['code', 'component', 'dry_run', 'group', 'resource', 'scope', 'subresource', 'verb', 'version'],
    })
    this.#durations = registry.histogram({
      name: 'apiserver_request_duration_seconds',
      help: 'Response latency distribution in seconds for each verb, dry run value, group, version, resource, subresource, scope and component.',
      labels: ['component', 'dry_run', 'group', 'resource', 'scope', 'subresource', 'verb', 'version'],
      buckets: requestBuckets,
    })
    this.#watches = registry.gauge({
      name: 'apiserver_longrunning_requests',
      help: 'Gauge of all active long-running apiserver requests broken out by verb, group, version, resource, scope and component. Not all requests are tracked this way.',
      labels: ['component', 'group', 'resource', 'scope', 'subresource', 'verb', 'version'],
    })
    const objects = registry.gauge({
      name: 'apiserver_storage_objects',
      help: 'Number of stored objects at the time of last check split by kind.',
      labels: ['resource'],
    })
    registry.onRender(() => {
      for (const [prefix, count] of cache.counts()) {
        const [group = '', plural = ''] = prefix.slice(keyRoot.length, -1).split('/')
        objects.with(group === 'core' ? plural : `${plural}.${group}`).set(count)
      }
    })
  }

  /** Counts one answered request. Long-lived ones count when they begin. */
  requestDone(info: RequestInfo, method: string, code: number, milliseconds: number, isApply = false): void {
    // Names and paths from clients stay out: each would be a series of its own.
    const verb = isApply ? 'APPLY' : info.isResource ? info.verb.toUpperCase() : method
    const key = `${code} ${verb} ${info.group} ${info.version} ${info.resource} ${info.subresource} ${scopeOf(info)}`
    let series = this.#series.get(key)
    if (series === undefined) {
      series = this.#makeSeries(info, verb, code)
      if (this.#series.size < 10_000) this.#series.set(key, series)
    }
    series.total.inc()
    if (verb !== 'WATCH') series.duration.observe(milliseconds / 1_000)
  }

  /** Counts a watch while it lasts. */
  watchBegins(info: RequestInfo): Disposable {
    const { group, resource, subresource, version } = info
    const gauge = this.#watches.with('apiserver', group, resource, scopeOf(info), subresource, 'WATCH', version)
    gauge.inc()
    return { [Symbol.dispose]: () => gauge.dec() }
  }

  #makeSeries(info: RequestInfo, verb: string, code: number): { total: Series; duration: HistogramSeries } {
    const isKnown = code !== 404 || info.subresource === ''
    const { group, version } = info
    const resource = isKnown ? info.resource : ''
    const subresource = isKnown ? info.subresource : ''
    const scope = scopeOf(info)
    return {
      total: this.#totals.with(String(code), 'apiserver', '', group, resource, scope, subresource, verb, version),
      duration: this.#durations.with('apiserver', '', group, resource, scope, subresource, verb, version),
    }
  }
}

function scopeOf({ isResource, name, namespace }: RequestInfo): string {
  if (!isResource) return ''
  return name !== '' ? 'resource' : namespace !== '' ? 'namespace' : 'cluster'
}

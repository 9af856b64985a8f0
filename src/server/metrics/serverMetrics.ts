// What the server counts about itself, under the names that Kubernetes' own has. Series are kept where they are used: on
// the way of a request nothing is looked up twice.
import type { MetricRegistry } from '#lib/metrics.ts'
import { serverVersion } from '../endpoints/version.ts'
import type { InFlight } from '../requestLimits.ts'
import { keyRoot, type WatchCache } from '../watchCache.ts'
import { AccessMetrics } from './accessMetrics.ts'
import { AdmissionMetrics } from './admissionMetrics.ts'
import { ConversionMetrics } from './conversionMetrics.ts'
import { AggregationMetrics } from './aggregationMetrics.ts'
import { FlowControlMetrics } from './flowControlMetrics.ts'
import { RequestMetrics } from './requestMetrics.ts'

export class ServerMetrics {
  readonly registry: MetricRegistry
  readonly requests: RequestMetrics
  readonly access: AccessMetrics
  readonly admission: AdmissionMetrics
  readonly conversions: ConversionMetrics
  readonly aggregation: AggregationMetrics
  readonly flowControl: FlowControlMetrics

  constructor(registry: MetricRegistry) {
    this.registry = registry
    this.requests = new RequestMetrics(registry)
    this.access = new AccessMetrics(registry)
    this.admission = new AdmissionMetrics(registry)
    this.conversions = new ConversionMetrics(registry)
    this.aggregation = new AggregationMetrics(registry)
    this.flowControl = new FlowControlMetrics(registry)
  }

  /** Asks for the number of objects and of requests in flight whenever somebody reads. */
  follow(cache: WatchCache, inFlight: InFlight): void {
    const { major, minor, gitVersion, gitCommit, gitTreeState, buildDate, goVersion, compiler, platform } =
      serverVersion()
    this.registry
      .gauge({
        name: 'kubernetes_build_info',
        help: "A metric with a constant '1' value labeled by major, minor, git version, git commit, git tree state, build date, Go version, and compiler from which Kubernetes was built, and platform on which it is running.",
        labels: [
          'build_date',
          'compiler',
          'git_commit',
          'git_tree_state',
          'git_version',
          'go_version',
          'major',
          'minor',
          'platform',
        ],
      })
      .with(buildDate, compiler, gitCommit, gitTreeState, gitVersion, goVersion, major, minor, platform)
      .set(1)
    const help = '[DEPRECATED, consider using apiserver_resource_objects instead] '
    const rest =
      'Number of stored objects at the time of last check split by kind. In case of a fetching error, the value will be -1.'
    const stored = this.registry.gauge({ name: 'apiserver_storage_objects', help: help + rest, labels: ['resource'] })
    const objects = this.registry.gauge({
      name: 'apiserver_resource_objects',
      help: rest,
      labels: ['group', 'resource'],
    })
    const current = this.registry.gauge({
      name: 'apiserver_current_inflight_requests',
      help: 'Maximal number of currently used inflight request limit of this apiserver per request kind in last second.',
      labels: ['request_kind'],
    })
    this.registry.onRender(() => {
      for (const [prefix, count] of cache.counts()) {
        const [first = '', plural = ''] = prefix.slice(keyRoot.length, -1).split('/')
        const group = first === 'core' ? '' : first
        stored.with(group === '' ? plural : `${plural}.${group}`).set(count)
        objects.with(group, plural).set(count)
      }
      for (const kind of ['readOnly', 'mutating'] as const) current.with(kind).set(inFlight.takeHighest(kind))
    })
  }
}

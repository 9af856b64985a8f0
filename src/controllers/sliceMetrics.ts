import { exponentialBuckets, type Gauge, type Histogram, type MetricRegistry } from '#lib/metrics.ts'

/** How the endpoints of an owner of slices are spread over them. */
export interface SliceFigures {
  readonly endpoints: number
  readonly slices: number
  /** So many slices would do. */
  readonly desired: number
}

interface SliceSubsystem {
  readonly subsystem: string
  /** What the slices are made for, as in messages. */
  readonly owner: 'Service' | 'Endpoints'
}

/** What the two controllers that keep EndpointSlices count alike. */
export function sliceMetrics(registry: MetricRegistry, { subsystem, owner }: SliceSubsystem) {
  const stability = 'ALPHA'
  const perSync = (what: string, help: string): Histogram =>
    registry.histogram({
      name: `${subsystem}_${what}_per_sync`,
      help: `${help} with one look at a ${owner}`,
      stability,
      buckets: exponentialBuckets(2, 2, 15),
    })
  const gauge = (what: string, help: string): Gauge => registry.gauge({ name: `${subsystem}_${what}`, help, stability })
  const changes = registry.counter({
    name: `${subsystem}_changes`,
    help: 'How many EndpointSlices were written. "operation" is "create", "update" or "delete".',
    labels: ['operation'],
    stability,
  })
  const endpoints = gauge('endpoints_desired', 'How many endpoints there should be')
  const slices = gauge('num_endpoint_slices', 'How many EndpointSlices there are')
  const desired = gauge('desired_endpoint_slices', 'How many EndpointSlices would do, if all were as full as can be')
  const ofOwners = new Map<string, SliceFigures>()
  const replace = (key: string, { endpoints: more, slices: moreSlices, desired: moreDesired }: SliceFigures): void => {
    const before = ofOwners.get(key) ?? none
    endpoints.inc(more - before.endpoints)
    slices.inc(moreSlices - before.slices)
    desired.inc(moreDesired - before.desired)
  }
  return {
    perSync,
    added: perSync('endpoints_added', 'How many endpoints were added'),
    removed: perSync('endpoints_removed', 'How many endpoints were removed'),
    created: (): void => changes.with('create').inc(),
    updated: (): void => changes.with('update').inc(),
    deleted: (): void => changes.with('delete').inc(),
    /** The slices of an owner are to be so. */
    set(key: string, figures: SliceFigures): void {
      replace(key, figures)
      ofOwners.set(key, figures)
    },
    /** An owner is gone, and its slices with it. */
    forget(key: string): void {
      replace(key, none)
      ofOwners.delete(key)
    },
  }
}

const none: SliceFigures = { endpoints: 0, slices: 0, desired: 0 }

/** The slices of several address families or sets of ports together. */
export function sumOf(figures: readonly SliceFigures[]): SliceFigures {
  return figures.reduce(
    (sum, { endpoints, slices, desired }) => ({
      endpoints: sum.endpoints + endpoints,
      slices: sum.slices + slices,
      desired: sum.desired + desired,
    }),
    none,
  )
}

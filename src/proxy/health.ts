/**
 * What the proxy answers over HTTP, as kube-proxy v1.34 does: about its own health to whoever watches the node (`/healthz`,
 * `/livez`), and about each service of traffic policy Local to load balancers, which look there for a node with endpoints.
 */
import type { Node } from '#api/core/v1/node.ts'
import type { Clock } from '#lib/clock.ts'
import type { HttpHandler, HttpReply } from '#lib/http/message.ts'
import type { MetricRegistry } from '#lib/metrics.ts'
import { metricsContentType } from '#lib/metrics.ts'

import type { Family } from './frontend.ts'
import { familyName } from './proxyMetrics.ts'
import type { HealthCheck } from './serviceTable.ts'

/** A change that the kernel has not been told after this time means that something is wrong: twice kube-proxy's sync period. */
const healthTimeoutMs = 60_000
/** A node with this taint is about to be taken away by the cluster autoscaler. */
const toBeDeletedTaint = 'ToBeDeletedByClusterAutoscaler'

/** Whether changes reach the kernel in time. */
export class ProxyHealth {
  readonly #clock: Clock
  /** When each family was last brought up to date. */
  readonly #updated = new Map<Family, number>()
  /** Since when something waits, for each family. */
  readonly #queued = new Map<Family, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  queued(family: Family): void {
    if (!this.#queued.has(family)) this.#queued.set(family, this.#clock.now())
  }

  updated(family: Family): void {
    this.#queued.delete(family)
    this.#updated.set(family, this.#clock.now())
  }

  /** A family that was never up to date is only starting. */
  isLate(family: Family): boolean {
    const since = this.#queued.get(family)
    return this.#updated.has(family) && since !== undefined && this.#clock.now() - since >= healthTimeoutMs
  }

  get isHealthy(): boolean {
    return ![...this.#updated.keys()].some((family) => this.isLate(family))
  }

  /** The body of the answer. A healthy proxy says that it was up to date just now: older readers expect a recent time. */
  describe(isNodeEligible?: boolean): string {
    const now = formatTime(this.#clock.now())
    const isGood = this.isHealthy && isNodeEligible !== false
    const families = [...this.#updated].toSorted(([a], [b]) => a - b)
    const last = families.length === 0 ? undefined : Math.max(...families.map(([, time]) => time))
    return JSON.stringify({
      lastUpdated: isGood ? now : last === undefined ? '0001-01-01T00:00:00Z' : formatTime(last),
      currentTime: now,
      ...(isNodeEligible === undefined ? {} : { nodeEligible: isNodeEligible }),
      healthy: this.isHealthy,
      ...(families.length === 0
        ? {}
        : {
            status: Object.fromEntries(
              families.map(([family, time]) => [
                familyName(family),
                { lastUpdated: formatTime(time), healthy: !this.isLate(family) },
              ]),
            ),
          }),
    })
  }
}

/** RFC 3339 without zeros at the end. */
const formatTime = (milliseconds: number): string => new Date(milliseconds).toISOString().replace(/\.?0*Z$/, 'Z')

/** Whether load balancers may send to a node: it is there, and nobody is about to take it away. */
export function isEligible(node: Node | undefined): boolean {
  return (
    node !== undefined &&
    node.metadata.deletionTimestamp === undefined &&
    !(node.spec?.taints ?? []).some((taint) => taint.key === toBeDeletedTaint)
  )
}

const plain = { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' }
const json = { 'content-type': 'application/json', 'x-content-type-options': 'nosniff' }
const notFound = (reply: HttpReply): void => reply.send(404, plain, '404 page not found\n')

/** `/healthz` says whether the node is a place to send to, `/livez` whether the proxy works. */
export function healthHandler(
  health: ProxyHealth,
  node: () => Node | undefined,
  count?: (path: 'healthz' | 'livez', code: number) => void,
): HttpHandler {
  return ({ path }, reply) => {
    if (path !== '/healthz' && path !== '/livez') return notFound(reply)
    const isNodeEligible = path === '/livez' ? undefined : isEligible(node())
    const code = health.isHealthy && isNodeEligible !== false ? 200 : 503
    count?.(path === '/livez' ? 'livez' : 'healthz', code)
    reply.send(code, json, health.describe(isNodeEligible))
  }
}

/** kube-proxy's metrics port. */
export function metricsHandler(registry: MetricRegistry): HttpHandler {
  return ({ path }, reply) => {
    if (path === '/metrics') reply.send(200, { 'content-type': metricsContentType }, registry.render())
    else if (path === '/proxyMode') reply.send(200, plain, 'nftables')
    else if (path === '/healthz') reply.send(200, plain, 'ok')
    else notFound(reply)
  }
}

/** What a load balancer hears about a service, on any path. */
export function serviceHealthHandler(check: () => HealthCheck | undefined, isHealthy: () => boolean): HttpHandler {
  return (_, reply) => {
    const found = check()
    if (found === undefined) return notFound(reply)
    const { namespace, name, localEndpoints } = found
    const serviceProxyHealthy = isHealthy()
    const body = { service: { namespace, name }, localEndpoints, serviceProxyHealthy }
    const code = localEndpoints > 0 && serviceProxyHealthy ? 200 : 503
    reply.send(
      code,
      { ...json, 'x-load-balancing-endpoint-weight': String(localEndpoints) },
      JSON.stringify(body, undefined, '\t'),
    )
  }
}

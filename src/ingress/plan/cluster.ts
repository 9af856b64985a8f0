import type { ConfigMap } from '#api/core/v1/configMap.ts'
import type { Secret } from '#api/core/v1/secret.ts'
import type { Service } from '#api/core/v1/service.ts'
import type { EndpointSlice } from '#api/discovery/v1/endpointSlice.ts'
import type { Ingress } from '#api/networking/v1/ingress.ts'
import type { Problem } from '../annotations/readSettings.ts'
import type { Certificate, Routing } from '../routing.ts'

/** What a routing is made from. Keys are `namespace/name`. */
export interface ClusterView {
  /** Those that are ours. */
  readonly ingresses: readonly Ingress[]
  service(key: string): Service | undefined
  /** Those of a service. */
  slices(key: string): readonly EndpointSlice[]
  secret(key: string): Secret | undefined
  configMap(key: string): ConfigMap | undefined
  /** The addresses of a name outside of the cluster; undefined while they are not known. */
  addresses(name: string): readonly string[] | undefined
  readonly defaultCertificate: Certificate
  readonly now: number
}

export interface RoutingPlan {
  readonly routing: Routing
  /** What of an ingress is not done, by its key. */
  readonly problems: ReadonlyMap<string, readonly Problem[]>
  /** When a certificate begins or ends to be good, should nothing change before. */
  readonly again?: number
  /** Names whose addresses are needed. */
  readonly names: ReadonlySet<string>
}

/** Collects what is to be told of ingresses. */
export class Problems {
  readonly byIngress = new Map<string, Problem[]>()

  add(ingress: string, reason: string, message: string): void {
    const list = this.byIngress.get(ingress)
    if (list === undefined) this.byIngress.set(ingress, [{ reason, message }])
    else if (!list.some((known) => known.message === message)) list.push({ reason, message })
  }

  addAll(ingress: string, problems: readonly Problem[]): void {
    for (const { reason, message } of problems) this.add(ingress, reason, message)
  }
}

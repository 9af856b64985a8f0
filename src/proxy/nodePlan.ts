/** What services, slices and host ports ask of one node, kept up to date: only what has changed is planned again. */
import { nodes } from '#api/core/v1/node.ts'
import type { Node } from '#api/core/v1/node.ts'
import { pods } from '#api/core/v1/pod.ts'
import { services } from '#api/core/v1/service.ts'
import { endpointSlices, type EndpointSlice } from '#api/discovery/v1/endpointSlice.ts'
import { serviceCIDRs } from '#api/networking/v1/serviceCIDR.ts'
import { keyOf } from '#client/index.ts'
import type { Informers } from '#client/informers.ts'
import { formatCidr, parseCidr } from '#lib/net/cidr.ts'
import { isLoopback, parseIp } from '#lib/net/ip.ts'

import { findForbidden, placeOf } from './endpoints.ts'
import type { NodePlace } from './endpoints.ts'
import type { Frontend, FrontendChange } from './frontend.ts'
import { FrontendTable } from './frontendTable.ts'
import { planFrontends, planHealthCheck, planHostPorts, serviceOfSlice } from './serviceTable.ts'
import type { HealthCheck } from './serviceTable.ts'

/** When the endpoints controller saw what made it change a slice. */
const triggerAnnotation = 'endpoints.kubernetes.io/last-change-trigger-time'

/** Copies are shared with controllers, which have an index of services too, of the slices that they made themselves. */
const byProxiedService = 'proxied service'

function servicesOfSlice(slice: EndpointSlice): readonly string[] {
  const owner = serviceOfSlice(slice)
  return owner === undefined ? [] : [owner]
}

export interface NodePlanOptions {
  readonly nodeName: string
  readonly informers: Informers
  /** Changes of slices from this time on, in milliseconds, are timed. */
  readonly since: number
  /** Something must be planned again. */
  readonly onChange: (kind: 'service' | 'endpoints' | 'other') => void
  /** Endpoints of a service are left out because no service may lead to their addresses. */
  readonly onForbidden: (service: string, addresses: readonly string[]) => void
}

/** What a round of planning found. */
export interface Replanned {
  readonly changes: readonly FrontendChange[]
  /** When what made endpoints change happened, in milliseconds, for each change that was of consequence. */
  readonly triggeredAt: readonly number[]
}

export class NodePlan {
  readonly table = new FrontendTable()
  readonly healthChecks = new Map<string, HealthCheck>()
  /** Whether some host port has been open at an address of the loopback. */
  leadsFromLoopback = false
  /** How many services have a traffic policy Local and endpoints, but none here; by `IPv4 internal` and the like. */
  readonly withoutLocal = new Map<string, number>()
  readonly #options: NodePlanOptions
  readonly #services
  readonly #slices
  readonly #pods
  readonly #nodes
  readonly #blocks
  readonly #changedServices = new Set<string>()
  readonly #changedSlices = new Map<string, number[]>()
  readonly #changedPods = new Set<string>()
  readonly #forbidden = new Map<string, string>()
  #place: NodePlace

  constructor(options: NodePlanOptions) {
    const { informers, nodeName } = options
    this.#options = options
    this.#place = { name: nodeName }
    this.#services = informers.of(services)
    this.#slices = informers.of(endpointSlices)
    this.#pods = informers.of(pods, { fieldSelector: `spec.nodeName=${nodeName}` })
    this.#nodes = informers.of(nodes, { fieldSelector: `metadata.name=${nodeName}` })
    this.#blocks = informers.of(serviceCIDRs)
    this.#slices.addIndex(byProxiedService, servicesOfSlice)
  }

  /** Resolves once all that matters is known. */
  async synced(signal: AbortSignal): Promise<void> {
    const copies = [this.#services, this.#slices, this.#pods, this.#nodes, this.#blocks]
    await Promise.all(copies.map((copy) => copy.synced(signal)))
  }

  /** The node's own object, once there is one. */
  get node(): Node | undefined {
    return this.#nodes.get(this.#options.nodeName)
  }

  /** The ranges that were added for addresses of services, in their one form and in a constant order. */
  get addedServiceRanges(): readonly string[] {
    const ranges = this.#blocks.list().flatMap(({ spec }) => (spec.cidrs ?? []).map((text) => parseCidr(text)))
    return [...new Set(ranges.filter((range) => range !== undefined).map(formatCidr))].toSorted()
  }

  /** How many services and sets of endpoints wait to be planned again. */
  get pending(): { readonly services: number; readonly endpoints: number } {
    return { services: this.#changedServices.size, endpoints: this.#changedSlices.size }
  }

  /** Follows what there is until disposed. */
  follow(): Disposable {
    const stack = new DisposableStack()
    const { onChange, since } = this.#options
    stack.use(
      this.#services.onChange((change) => {
        this.#changedServices.add(keyOf((change.new ?? change.old)!.metadata))
        onChange('service')
      }),
    )
    stack.use(
      this.#slices.onChange((change) => {
        const owners = [change.old, change.new].map((slice) => slice && serviceOfSlice(slice))
        for (const owner of new Set(owners)) {
          if (owner === undefined) continue
          const times = this.#changedSlices.get(owner) ?? []
          const time = Date.parse(change.new?.metadata.annotations?.[triggerAnnotation] ?? '')
          if (time >= since) times.push(time)
          this.#changedSlices.set(owner, times)
          onChange('endpoints')
        }
      }),
    )
    stack.use(
      this.#pods.onChange((change) => {
        this.#changedPods.add(keyOf((change.new ?? change.old)!.metadata))
        onChange('other')
      }),
    )
    stack.use(this.#nodes.onChange(() => onChange('other')))
    stack.use(this.#blocks.onChange(() => onChange('other')))
    return stack
  }

  /** Plans again what has changed since the last call. */
  replan(): Replanned {
    const place = this.node === undefined ? { name: this.#options.nodeName } : placeOf(this.node)
    if (place.name !== this.#place.name || place.zone !== this.#place.zone)
      for (const service of this.#services.list()) this.#changedServices.add(keyOf(service.metadata))
    this.#place = place
    const triggeredAt: number[] = []
    for (const [key, times] of this.#changedSlices) {
      this.#changedServices.delete(key)
      if (this.#replanService(key)) triggeredAt.push(...times)
    }
    this.#changedSlices.clear()
    for (const key of this.#changedServices) this.#replanService(key)
    this.#changedServices.clear()
    for (const key of this.#changedPods) {
      const pod = this.#pods.get(key)
      const frontends = pod === undefined ? [] : planHostPorts(pod, this.#options.nodeName)
      const before = this.table.ofSource(`pod ${key}`)
      this.leadsFromLoopback ||= frontends.some(({ address }) => address !== undefined && isLoopback(parseIp(address)!))
      // The status of a pod changes often, its ports never.
      if (JSON.stringify(frontends) !== JSON.stringify(before)) this.table.set(`pod ${key}`, frontends)
    }
    this.#changedPods.clear()
    return { changes: this.table.takeChanges(), triggeredAt }
  }

  /** Whether that changed anything. */
  #replanService(key: string): boolean {
    const source = `service ${key}`
    const service = this.#services.get(key)
    const slices = service === undefined ? [] : this.#slices.byIndex(byProxiedService, key)
    const before = this.table.ofSource(source)
    const frontends = service === undefined ? [] : planFrontends(service, slices, this.#place, before)
    this.table.set(source, frontends)
    this.#countWithoutLocal(before, -1)
    this.#countWithoutLocal(frontends, 1)
    const check = service === undefined ? undefined : planHealthCheck(service, slices, this.#place)
    if (check === undefined) this.healthChecks.delete(key)
    else this.healthChecks.set(key, check)
    const forbidden = findForbidden(slices)
    const text = forbidden.join(' ')
    if (text !== (this.#forbidden.get(key) ?? '')) {
      if (text === '') this.#forbidden.delete(key)
      else this.#forbidden.set(key, text)
      if (text !== '') this.#options.onForbidden(key, forbidden)
    }
    return frontends.length !== before.length || frontends.some((frontend, index) => frontend !== before[index])
  }

  #countWithoutLocal(frontends: readonly Frontend[], by: 1 | -1): void {
    const kinds = new Set<string>()
    for (const { family, isClusterAddress, inside, outside } of frontends) {
      if (isClusterAddress && inside.whenEmpty === 'drop' && inside.backends.length === 0)
        kinds.add(`IPv${family} internal`)
      if (outside?.whenEmpty === 'drop' && outside.backends.length === 0) kinds.add(`IPv${family} external`)
    }
    for (const kind of kinds) this.withoutLocal.set(kind, (this.withoutLocal.get(kind) ?? 0) + by)
  }
}

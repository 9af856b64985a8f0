import type { Pod } from '#api/core/v1/pod.ts'
import type { Service, ServicePort } from '#api/core/v1/service.ts'
import type { Informer } from '#client/informer.ts'
import { keyOf } from '#client/index.ts'
import { millisecondsOf } from '#machinery/time.ts'
import { conditionOf } from '#machinery/conditions.ts'

/** When the oldest change that an endpoint object shows was made; how long changes take to arrive is measured by it. */
export const triggerTimeAnnotation = 'endpoints.kubernetes.io/last-change-trigger-time'
export const headlessLabel = 'service.kubernetes.io/headless'

/** Whether this controller and its like find the service's pods: not without a selector, and not for a mere name. */
export function hasEndpoints({ spec }: Service): boolean {
  return spec.selector !== undefined && spec.type !== 'ExternalName'
}

export function isHeadless({ spec }: Service): boolean {
  return spec.clusterIP === undefined || spec.clusterIP === '' || spec.clusterIP === 'None'
}

/** The keys of the services that select a pod. */
export function servicesOfPod(services: Informer<Service>, pod: Pod): readonly string[] {
  const { namespace = '', labels } = pod.metadata
  return services
    .list({ namespace, matches: (service) => hasEndpoints(service) && selects(service, labels) })
    .map((service) => keyOf(service.metadata))
}

export function podsOfService(pods: Informer<Pod>, service: Service): readonly Pod[] {
  const matches = (pod: Pod): boolean => selects(service, pod.metadata.labels)
  return pods.list({ namespace: service.metadata.namespace ?? '', matches })
}

/** How long to gather changes after a look at a service with so many pods: looking stays a small part of the work. */
export function quietFor(pods: readonly Pod[]): number {
  return Math.min(1000, pods.length / 4)
}

/** An empty selector selects every pod of the namespace. */
function selects({ spec }: Service, labels: Readonly<Record<string, string>> = {}): boolean {
  return Object.entries(spec.selector ?? {}).every(([key, value]) => labels[key] === value)
}

/** Whether a pod can be reached at all: it has an address and has not finished. */
export function isReachable({ status }: Pod): boolean {
  if (status?.phase === 'Succeeded' || status?.phase === 'Failed') return false
  return (status?.podIP ?? '') !== '' || (status?.podIPs ?? []).length > 0
}

/** The port of a pod that a service port leads to; undefined when the pod has no port of that name. */
export function targetPort(pod: Pod, { port, targetPort: target, protocol = 'TCP' }: ServicePort): number | undefined {
  if (target === undefined || target === 0 || target === '') return port
  if (typeof target === 'number') return target
  const sidecars = (pod.spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always')
  for (const container of [...pod.spec.containers, ...sidecars]) {
    for (const each of container.ports ?? []) {
      if (each.name === target && (each.protocol ?? 'TCP') === protocol) return each.containerPort
    }
  }
  return undefined
}

/** The name by which a pod is found below its headless service. */
export function hostnameOf(pod: Pod, service: Service): string | undefined {
  const { hostname = '', subdomain } = pod.spec
  return hostname !== '' && subdomain === service.metadata.name ? hostname : undefined
}

/** Whether a pod was ready, and since when. */
interface Readiness {
  readonly status: string
  readonly time: number
}

/** Remembers, for each service, the times that were seen, to tell how old the oldest unseen change is. */
export class TriggerTimes {
  readonly #seen = new Map<string, { service: number; pods: Map<string, Readiness> }>()

  /** The oldest change since the last call for this service, in milliseconds since the epoch; undefined when there is none. */
  next(service: Service, pods: readonly Pod[]): number | undefined {
    const key = keyOf(service.metadata)
    const before = this.#seen.get(key)
    const seen = new Map<string, Readiness>()
    const changes: number[] = []
    for (const pod of pods) {
      const ready = conditionOf(pod.status?.conditions, 'Ready')
      const time = millisecondsOf(ready?.lastTransitionTime)
      if (ready === undefined || time === undefined) continue
      seen.set(pod.metadata.name, { status: ready.status, time })
      const last = before?.pods.get(pod.metadata.name)
      // Times are whole seconds, and a pod may become ready within the one in which it came.
      if (last === undefined || time > last.time || ready.status !== last.status) changes.push(time)
    }
    const created = millisecondsOf(service.metadata.creationTimestamp) ?? 0
    if (created > (before?.service ?? 0)) changes.push(created)
    this.#seen.set(key, { service: created, pods: seen })
    return changes.length === 0 ? undefined : changes.reduce((a, b) => Math.min(a, b))
  }

  forget(key: string): void {
    this.#seen.delete(key)
  }
}

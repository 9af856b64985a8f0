/** What changed when an object did: which answers may be others now, and how long that took. */
import type { Namespace } from '#api/core/v1/namespace.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { Service } from '#api/core/v1/service.ts'
import type { EndpointSlice } from '#api/discovery/v1/endpointSlice.ts'
import type { KubeObject } from '#api/resource.ts'
import type { Change, Informer } from '#client/informer.ts'

import { sourceOf, type Source } from './answerCache.ts'
import { clusterAddresses, endpointAddresses, podAddresses, serviceOf } from './records.ts'

const sourcesOfService = (service: Service): readonly Source[] => [
  sourceOf.service(`${service.metadata.namespace}/${service.metadata.name}`),
  ...clusterAddresses(service).map(sourceOf.address),
]
const sourcesOfSlice = (slice: EndpointSlice): readonly Source[] => [
  ...(serviceOf(slice) ?? []).map(sourceOf.service),
  ...endpointAddresses(slice).map(sourceOf.address),
]
const sourcesOfNamespace = ({ metadata }: Namespace): readonly Source[] => [sourceOf.namespace(metadata.name)]
export const sourcesOfPod = (pod: Pod): readonly Source[] => podAddresses(pod).map(sourceOf.pod)

/** Tells of everything that may be another now, each time an object changes. */
export function followSources<T extends KubeObject>(
  copy: Pick<Informer<T>, 'onChange'>,
  sourcesIn: (object: T) => readonly Source[],
  changed: (source: Source) => void,
): Disposable {
  return copy.onChange(({ old, new: next }: Change<T>) => {
    for (const object of [old, next]) if (object !== undefined) for (const source of sourcesIn(object)) changed(source)
  })
}

/** The copies that answers are made from, followed together. */
export function followRecords(
  copies: readonly [
    Pick<Informer<Service>, 'onChange'>,
    Pick<Informer<EndpointSlice>, 'onChange'>,
    Pick<Informer<Namespace>, 'onChange'>,
  ],
  changed: (source: Source) => void,
): Disposable {
  const stack = new DisposableStack()
  stack.use(followSources(copies[0], sourcesOfService, changed))
  stack.use(followSources(copies[1], sourcesOfSlice, changed))
  stack.use(followSources(copies[2], sourcesOfNamespace, changed))
  return stack
}

/** When the pod or service changed that made the slice what it is. */
const triggerAnnotation = 'endpoints.kubernetes.io/last-change-trigger-time'

/** The seconds from the change of a pod to the change of its name; nothing where no such change is told. */
export function programmingSeconds(
  { old, new: next }: Change<EndpointSlice>,
  service: Service | undefined,
  now: number,
): number | undefined {
  const told = next?.metadata.annotations?.[triggerAnnotation]
  if (told === undefined || told === old?.metadata.annotations?.[triggerAnnotation]) return undefined
  // Other services have the same answer whatever their endpoints.
  if (service?.spec.clusterIP !== 'None' || service.spec.selector === undefined) return undefined
  const since = Date.parse(told)
  return Number.isNaN(since) ? undefined : Math.max(0, now - since) / 1000
}

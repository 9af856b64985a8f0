import { replicaSets } from '#api/apps/v1/replicaSet.ts'
import { statefulSets } from '#api/apps/v1/statefulSet.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import { replicationControllers } from '#api/core/v1/replicationController.ts'
import { services, type Service } from '#api/core/v1/service.ts'
import type { LabelSelector } from '#api/meta/v1/labelSelector.ts'
import type { Informers } from '#client/informers.ts'
import { matchesLabelSelector } from '#machinery/labelSelector.ts'
import { controllerOf } from '#machinery/owners.ts'
import type { SiblingsOf } from '#scheduler/plugins/spreadConstraints.ts'

/**
 * Finds the pods that should be spread together with a pod: those which all services that select it, and the
 * workload that owns it, select too.
 */
export function siblingFinder(informers: Informers): SiblingsOf {
  const serviceInformer = informers.of(services)
  const owners: Readonly<Record<string, (key: string) => LabelSelector | undefined>> = {
    ReplicaSet: ownersOf(informers.of(replicaSets), ({ spec }) => spec.selector),
    StatefulSet: ownersOf(informers.of(statefulSets), ({ spec }) => spec.selector),
    ReplicationController: ownersOf(informers.of(replicationControllers), ({ spec }) =>
      spec.selector === undefined ? undefined : { matchLabels: spec.selector },
    ),
  }
  return (pod) => {
    const selectors: LabelSelector[] = []
    for (const service of serviceInformer.byIndex('namespace', pod.metadata.namespace ?? '')) {
      if (selects(service, pod)) selectors.push({ matchLabels: service.spec.selector! })
    }
    const owner = controllerOf(pod)
    const own = owner === undefined ? undefined : owners[owner.kind]?.(`${pod.metadata.namespace}/${owner.name}`)
    if (own !== undefined) selectors.push(own)
    if (selectors.length === 0) return undefined
    return {
      key: JSON.stringify(selectors),
      includes: ({ metadata }) => selectors.every((selector) => matchesLabelSelector(selector, metadata.labels)),
    }
  }
}

function ownersOf<T>(
  informer: { get(key: string): T | undefined },
  selectorOf: (object: T) => LabelSelector | undefined,
): (key: string) => LabelSelector | undefined {
  return (key) => {
    const owner = informer.get(key)
    return owner === undefined ? undefined : selectorOf(owner)
  }
}

function selects({ spec }: Service, pod: Pod): boolean {
  const selector = Object.entries(spec.selector ?? {})
  return selector.length > 0 && selector.every(([key, value]) => pod.metadata.labels?.[key] === value)
}

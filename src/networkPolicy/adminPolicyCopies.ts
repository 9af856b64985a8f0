/** Copies of admin policies: of kinds that come and go with their definitions. */
import { customResourceDefinitions } from '#api/apiextensions/v1/customResourceDefinition.ts'
import type { CustomResourceDefinition } from '#api/apiextensions/v1/customResourceDefinition.ts'
import type { Resource } from '#api/resource.ts'
import type { Change, Informer } from '#client/informer.ts'
import type { Informers } from '#client/informers.ts'

import { adminPolicyKinds } from './adminPolicies.ts'
import type { AdminPolicy } from './adminPolicies.ts'

/**
 * The admin policies of the kinds that the cluster has; nothing is asked for before their definition is there. Tells of each
 * change of one, and without one when there may be others now.
 */
export function followAdminPolicies(
  informers: Informers,
  signal: AbortSignal,
  changed: (change?: Change<AdminPolicy>) => void,
) {
  const followed = new Map<string, { informer: Informer<AdminPolicy>; subscription: Disposable }>()
  const leave = (kind: string): void => {
    const found = followed.get(kind)
    if (found === undefined) return
    followed.delete(kind)
    found.subscription[Symbol.dispose]()
    informers.release(found.informer)
    changed()
  }
  const definitions = adminPolicyKinds.map((resource) => {
    const selection = { fieldSelector: `metadata.name=${resource.plural}.${resource.group}` }
    const informer = informers.of(customResourceDefinitions, selection)
    const subscription = informer.onChange(({ new: definition }) => {
      if (definition === undefined || !serves(definition, resource.version)) return leave(resource.kind)
      if (followed.has(resource.kind)) return
      const policies = informers.of(resource)
      followed.set(resource.kind, { informer: policies, subscription: policies.onChange(changed) })
      // Also when there are none: whoever waits for the first state must learn that there is one.
      policies.synced(signal).then(
        () => changed(),
        () => {},
      )
    })
    return { informer, subscription }
  })
  return {
    list: (): (readonly [AdminPolicy, Resource<AdminPolicy>])[] =>
      [...followed.values()].flatMap(({ informer }) =>
        informer.list().map((policy) => [policy, informer.resource] as const),
      ),
    /** A definition that is there at the start counts from the start. */
    async synced(stop: AbortSignal): Promise<void> {
      await Promise.all(definitions.map(({ informer }) => informer.synced(stop)))
      await Promise.all([...followed.values()].map(({ informer }) => informer.synced(stop)))
    },
    [Symbol.dispose]() {
      for (const { subscription } of definitions) subscription[Symbol.dispose]()
      for (const { subscription } of followed.values()) subscription[Symbol.dispose]()
    },
  }
}

function serves({ spec, status }: CustomResourceDefinition, version: string): boolean {
  const isEstablished = status?.conditions?.some(({ type, status: is }) => type === 'Established' && is === 'True')
  return isEstablished === true && spec.versions.some(({ name, served }) => name === version && served)
}

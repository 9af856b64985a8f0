import type { KubeObject, Resource } from '#api/resource.ts'
import type { Client, Selection } from '#client/client.ts'
import { WatchedInformer } from '#client/informer.ts'
import type { Informers } from '#client/informers.ts'
import { systemClock } from '#lib/clock.ts'
import { seededRandom } from '#lib/random.ts'

/** Informers that a test fills by hand. */
export function handFedInformers() {
  const made = new Map<string, WatchedInformer<KubeObject>>()
  const of = <T extends KubeObject>(resource: Resource<T>, selection: Selection = {}) => {
    const key = `${resource.plural} ${selection.fieldSelector ?? ''}`
    let informer = made.get(key)
    if (informer === undefined) {
      const options = { client: {} as Client, clock: systemClock, random: seededRandom(1) }
      informer = new WatchedInformer({ ...options, resource: resource as unknown as Resource, selection })
      made.set(key, informer)
    }
    return informer as unknown as WatchedInformer<T>
  }
  return { of, shared: { of, partOf: (resource: Resource) => of(resource), release: () => {} } as unknown as Informers }
}

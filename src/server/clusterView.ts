import type { KubeObject, Resource } from '#api/resource.ts'
import type { Clock } from '#lib/clock.ts'
import type { Random } from '#lib/random.ts'
import type { ClusterView } from './admission/chain.ts'
import { keyOf, scopePrefix, type Kinds } from './kind.ts'
import { canonicalObject, writeObject, type CommitContext } from './registry/commit.ts'
import { encodeObject } from './storedObject.ts'
import { inOwnForm, storedKind, toStoredForm } from './versions.ts'
import type { WatchCache } from './watchCache.ts'

export interface ClusterViewOptions extends CommitContext {
  readonly kinds: Kinds
  readonly cache: WatchCache
  readonly clock: Clock
  readonly random: Random
}

/** What the server's own cache and store hold, for its parts and for those beside it. */
export function createClusterView(options: ClusterViewOptions): ClusterView {
  const { kinds, cache, clock, random } = options
  return {
    get now() {
      return clock.now()
    },
    random,
    get<T extends KubeObject>(resource: Resource<T>, namespace: string, name: string): T | undefined {
      const kind = kinds.of(resource)
      const stored = kind?.cache.entries.get(keyOf(kind, namespace, name))
      return stored === undefined ? undefined : (inOwnForm(kind!, stored).object as T)
    },
    list<T extends KubeObject>(resource: Resource<T>, namespace: string): readonly T[] {
      const kind = kinds.of(resource)
      if (kind === undefined) return []
      return kind.cache.entries.list(scopePrefix(kind, namespace)).map((stored) => inOwnForm(kind, stored).object as T)
    },
    pause: (ms) => clock.sleep(ms),
    current: async () => {
      await cache.current()
    },
    async replace(resource, { metadata }, changed) {
      const served = kinds.of(resource)
      if (served === undefined) return false
      const kind = storedKind(served)
      const { resourceVersion: _, ...rest } = changed.metadata
      const object = canonicalObject(kind, toStoredForm(served, { ...changed, metadata: rest }))
      const key = keyOf(kind, metadata.namespace ?? '', metadata.name)
      const result = await writeObject(
        options,
        kind,
        key,
        Number(metadata.resourceVersion),
        encodeObject(object),
        object,
      )
      return result.ok
    },
  }
}

import type { KubeObject, Resource } from '#api/resource.ts'
import type { Clock } from '#lib/clock.ts'
import type { Random } from '#lib/random.ts'
import { decodeValue } from '#machinery/codec/schemaDecoder.ts'
import { applyDefaults } from '#machinery/defaults.ts'
import { internalError } from '#machinery/status.ts'
import type { ClusterView, VersionForm } from './admission/chain.ts'
import { keyOf, scopePrefix, type Kind, type Kinds } from './kind.ts'
import { canonicalObject, writeObject, type CommitContext } from './registry/commit.ts'
import { encodeObject } from './storedObject.ts'
import { inOwnForm, storedKind, toOwnForm, toStoredForm } from './versions.ts'
import type { WatchCache } from './watchCache.ts'

export interface ClusterViewOptions extends CommitContext {
  readonly kinds: Kinds
  readonly cache: WatchCache
  readonly clock: Clock
  readonly random: Random
  readonly newUid: () => string
}

/** What the server's own cache and store hold, for its parts and for those beside it. */
export function createClusterView(options: ClusterViewOptions): ClusterView {
  const { kinds, cache, clock, random, newUid } = options
  return {
    get now() {
      return clock.now()
    },
    random,
    newUid,
    forms: (resource) => {
      const kind = kinds.of(resource)
      return kind === undefined ? [] : formsOf(kinds, storedKind(kind))
    },
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

/** Versions of a kind come and go with it. */
const known = new WeakMap<Kind, readonly VersionForm[]>()

function formsOf(kinds: Kinds, stored: Kind): readonly VersionForm[] {
  let forms = known.get(stored)
  if (forms === undefined) {
    const others = kinds.all().filter((kind) => kind !== stored && storedKind(kind) === stored)
    known.set(stored, (forms = [stored, ...others].map(formOfKind)))
  }
  return forms
}

function formOfKind(kind: Kind): VersionForm {
  return {
    resource: kind.resource,
    show: (stored) => toOwnForm(kind, stored),
    read(value) {
      const decoded = decodeValue(kind.schema, value)
      if ('problem' in decoded) throw internalError(decoded.problem)
      const object = toStoredForm(kind, decoded.value as unknown as KubeObject)
      const { schema, strategy } = storedKind(kind)
      applyDefaults(schema, object)
      strategy.default?.(object)
      return object
    },
  }
}

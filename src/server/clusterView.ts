import type { KubeObject, Resource } from '#api/resource.ts'
import type { Clock } from '#lib/clock.ts'
import type { Random } from '#lib/random.ts'
import { applyDefaults } from '#machinery/defaults.ts'
import { internalError, StatusError } from '#machinery/status.ts'
import type { ClusterView, VersionForm } from './admission/chain.ts'
import { refineObject } from './decode.ts'
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

const none: readonly never[] = []

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
    kind: ({ group, version, kind }) =>
      kinds
        .all()
        .find(({ resource }) => resource.kind === kind && resource.group === group && resource.version === version),
    get<T extends KubeObject>(resource: Resource<T>, namespace: string, name: string): T | undefined {
      const kind = kinds.of(resource)
      const stored = kind?.cache.entries.get(keyOf(kind, namespace, name))
      return stored === undefined ? undefined : (inOwnForm(kind!, stored).object as T)
    },
    list<T extends KubeObject>(resource: Resource<T>, namespace: string): readonly T[] {
      const kind = kinds.of(resource)
      // Plugins ask for all of many kinds of which there mostly are none.
      if (kind === undefined || kind.cache.entries.size === 0) return none
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

/** The forms of a kind; the first is the one in which it is written. */
function formsOf(kinds: Kinds, kind: Kind): readonly VersionForm[] {
  let forms = known.get(kind)
  if (forms === undefined) {
    const isOther = (each: Kind): boolean =>
      each !== kind &&
      (kind.custom === undefined
        ? storedKind(each) === kind
        : each.resource.group === kind.resource.group && each.resource.plural === kind.resource.plural)
    known.set(kind, (forms = [kind, ...kinds.all().filter(isOther)].map((each) => formOf(each, kind))))
  }
  return forms
}

function formOf(kind: Kind, written: Kind): VersionForm {
  return {
    resource: kind.resource,
    show: (object) => (kind.custom === undefined ? toOwnForm(kind, object) : kind.custom.view.from(object)),
    read(value) {
      const own = refine(kind, value)
      applyDefaults(kind.schema, own)
      if (written.custom !== undefined) return written.custom.view.from(own)
      const object = toStoredForm(kind, own)
      applyDefaults(written.schema, object)
      written.strategy.default?.(object)
      return object
    },
  }
}

const forSenders = /^\w+ in version \S+ cannot be handled as an? \w+: /

/** A value as an object of a kind; what is wrong with it is the fault of nobody who sent it. */
function refine({ resource, schema }: Kind, value: unknown): KubeObject {
  try {
    return refineObject(resource, value, 'Ignore', schema).object
  } catch (error) {
    // Without the words for those who sent it themselves.
    throw error instanceof StatusError ? internalError(error.message.replace(forSenders, '')) : error
  }
}

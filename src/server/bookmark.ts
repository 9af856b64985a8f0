import { apiVersionOf, type KubeObject } from '#api/resource.ts'
import { decodeParsed } from '#machinery/codec/body.ts'
import type { Kind } from './kind.ts'
import type { WatchItem } from './watch.ts'

export type Bookmark = Extract<WatchItem, { readonly type: 'BOOKMARK' }>

/** The empty objects of kinds, as far as they were needed. */
const emptyObjects = new WeakMap<Kind, KubeObject>()

/** An object of a kind of which nothing is known: what upstream's bookmarks are made of, with every field that is never left out. */
function emptyObject(kind: Kind): KubeObject {
  let empty = emptyObjects.get(kind)
  if (empty === undefined) {
    const { group, version, kind: name } = kind.resource
    const bare = { kind: name, apiVersion: apiVersionOf(kind.resource), metadata: {} }
    empty =
      kind.custom === undefined
        ? (decodeParsed(bare, { kind: { group, version, kind: name }, schema: kind.schema })
            .object as unknown as KubeObject)
        : { apiVersion: bare.apiVersion, kind: name, metadata: {} as KubeObject['metadata'] }
    emptyObjects.set(kind, empty)
  }
  return empty
}

/** The object of a bookmark: an empty one at the revision. The first after initial events is marked as their end (KEP-3157). */
export function bookmarkObject(kind: Kind, { revision, endsInitialEvents }: Bookmark): KubeObject {
  const resourceVersion = String(revision)
  const annotations = { 'k8s.io/initial-events-end': 'true' }
  const metadata =
    kind.custom === undefined
      ? { resourceVersion, ...(endsInitialEvents ? { annotations } : {}) }
      : { ...(endsInitialEvents ? { annotations } : {}), resourceVersion }
  return { ...emptyObject(kind), metadata: metadata as Partial<KubeObject['metadata']> as KubeObject['metadata'] }
}

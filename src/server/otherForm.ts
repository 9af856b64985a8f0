// Kinds that show the stored objects of another kind in a form of their own: events.k8s.io events are core events.
import { apiVersionOf, type KubeObject } from '#api/resource.ts'
import type { Kind, Kinds } from './kind.ts'
import type { ServerReply } from './request.ts'
import { encodeObject, StoredObject } from './storedObject.ts'
import type { WatchItem } from './watch.ts'

/** The kind under which objects of this one are stored: itself, unless its strategy names another. */
export function storedKind(kinds: Kinds, kind: Kind): Kind {
  const { storedAs } = kind.strategy
  if (storedAs === undefined) return kind
  const stored = kinds.of(storedAs.resource)
  if (stored === undefined) throw new Error(`Cannot serve ${kind.resource.kind}: the kind that stores it is not served`)
  return stored
}

/** An object of this kind in the form in which it is stored. */
export function toStoredForm(kind: Kind, object: KubeObject): KubeObject {
  const { storedAs } = kind.strategy
  if (storedAs === undefined) return object
  const names = { kind: storedAs.resource.kind, apiVersion: apiVersionOf(storedAs.resource) }
  return { ...names, metadata: object.metadata, ...storedAs.write(object) }
}

/** A stored object in the form of this kind. */
export function toOwnForm(kind: Kind, stored: KubeObject): KubeObject {
  const { storedAs } = kind.strategy
  if (storedAs === undefined) return stored
  const names = { kind: kind.resource.kind, apiVersion: apiVersionOf(kind.resource) }
  return { ...names, metadata: stored.metadata, ...storedAs.read(stored) }
}

/** A reply about stored objects as one about objects of this kind. */
export function replyInOwnForm(reply: ServerReply, kind: Kind): ServerReply {
  if (kind.strategy.storedAs === undefined) return reply
  switch (reply.type) {
    case 'stored':
      return { ...reply, kind, stored: inOwnForm(kind, reply.stored) }
    case 'list':
      return { ...reply, kind, items: reply.items.map((stored) => inOwnForm(kind, stored)) }
    case 'watch':
      return { ...reply, kind, watch: watchInOwnForm(kind, reply.watch) }
    default:
      return reply
  }
}

const made = new WeakMap<StoredObject, StoredObject>()

/** Made once for each revision, like the stored form. */
function inOwnForm(kind: Kind, stored: StoredObject): StoredObject {
  let own = made.get(stored)
  if (own === undefined) {
    const { resourceVersion: _, ...metadata } = stored.object.metadata
    const encoded = encodeObject(toOwnForm(kind, { ...stored.object, metadata }))
    made.set(stored, (own = StoredObject.unwritten(stored.key, stored.revision, encoded)))
  }
  return own
}

async function* watchInOwnForm(
  kind: Kind,
  watch: AsyncGenerator<readonly WatchItem[], void, void>,
): AsyncGenerator<readonly WatchItem[], void, void> {
  for await (const items of watch) {
    yield items.map((item): WatchItem => {
      if (item.type === 'BOOKMARK' || item.type === 'ERROR') return item
      return { type: item.type, object: inOwnForm(kind, item.object) }
    })
  }
}

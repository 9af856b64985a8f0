// One shape of a kind is stored; its other versions are views of it. Requests and answers pass through here on their way
// between the version that the path names and the stored one.
import { StatusError } from '#machinery/status.ts'
import { applyDefaults } from '#machinery/defaults.ts'
import { apiVersionOf, type KubeObject, type Resource } from '#api/resource.ts'
import type { Kind } from './kind.ts'
import { canonicalObject } from './registry/commit.ts'
import type { ServerReply } from './request.ts'
import { encodeObject, StoredObject } from './storedObject.ts'
import type { ContentOf, OtherVersion, Strategy } from './strategy.ts'
import type { WatchItem } from './watch.ts'

/** What a version takes from the stored kind as it is. The rules for writes are not among it: writes go to the stored kind. */
const shared = ['verbs', 'subresources', 'createOnUpdate', 'answersDeleted'] as const

/** How a version is served, told by the stored kind. */
export function strategyOfVersion(stored: Kind, version: OtherVersion<any, any>): Strategy {
  const { strategy } = stored
  const { resource, deprecation, selectableFields = strategy.selectableFields } = version
  const columns = strategy.columns?.map((column): typeof column => ({
    ...column,
    value: (object, now) => column.value(formOf(stored.resource, object, version.up), now),
  }))
  return {
    resource,
    ...Object.fromEntries(shared.flatMap((name) => (name in strategy ? [[name, strategy[name]]] : []))),
    ...(columns === undefined ? {} : { columns }),
    ...(selectableFields === undefined ? {} : { selectableFields }),
    ...(deprecation === undefined ? {} : { deprecation }),
  }
}

/** The kind in whose form objects of this one are stored: itself, or the one that it is a version of. */
export function storedKind(kind: Kind): Kind {
  return kind.storedAs?.kind ?? kind
}

/** An object as a client sent it, in the form in which it is stored. Fills in what only its own version knows to be missing. */
export function toStoredForm(kind: Kind, object: KubeObject): KubeObject {
  if (kind.storedAs === undefined) return object
  const { kind: stored, version } = kind.storedAs
  applyDefaults(kind.schema, object)
  version.default?.(object)
  return formOf(stored.resource, object, version.up)
}

/** A stored object in the form of this kind. */
export function toOwnForm(kind: Kind, stored: KubeObject): KubeObject {
  return kind.storedAs === undefined ? stored : formOf(kind.resource, stored, kind.storedAs.version.down)
}

function formOf(
  resource: Resource,
  object: KubeObject,
  convert: ((object: any) => ContentOf<KubeObject>) | undefined,
): KubeObject {
  const content = convert === undefined ? object : { metadata: object.metadata, ...convert(object) }
  return { ...content, kind: resource.kind, apiVersion: apiVersionOf(resource) } as KubeObject
}

/** A reply about stored objects as one about objects of this kind. */
export function replyInOwnForm(reply: ServerReply, kind: Kind): ServerReply | Promise<ServerReply> {
  if (kind.storedAs === undefined && kind.custom === undefined) return reply
  const shown = reply.type === 'stored' ? [reply.stored] : reply.type === 'list' ? reply.items : []
  const pending = kind.custom?.view.prepare(shown)
  return pending === undefined ? formedReply(reply, kind) : pending.then(() => formedReply(reply, kind))
}

function formedReply(reply: ServerReply, kind: Kind): ServerReply {
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

const made = new WeakMap<Kind, WeakMap<StoredObject, StoredObject>>()

/** An object of the cache as this kind means it when it is written: of a custom kind in its own version. */
export function workingForm(kind: Kind, stored: StoredObject): StoredObject | Promise<StoredObject> {
  if (kind.custom === undefined) return stored
  const { view } = kind.custom
  const pending = view.prepare([stored])
  return pending === undefined ? view.of(stored) : pending.then(() => view.of(stored))
}

/** An object of the cache in the form of this kind; made once for each revision, like the stored form. */
export function inOwnForm(kind: Kind, stored: StoredObject): StoredObject {
  if (kind.custom !== undefined) return kind.custom.view.of(stored)
  if (kind.storedAs === undefined) return stored
  let known = made.get(kind)
  if (known === undefined) made.set(kind, (known = new WeakMap()))
  let own = known.get(stored)
  if (own === undefined) {
    const { resourceVersion: _, ...metadata } = stored.object.metadata
    const encoded = encodeObject(canonicalObject(kind, toOwnForm(kind, { ...stored.object, metadata })))
    known.set(stored, (own = StoredObject.unwritten(stored.key, stored.revision, encoded)))
  }
  return own
}

async function* watchInOwnForm(
  kind: Kind,
  watch: AsyncGenerator<readonly WatchItem[], void, void>,
): AsyncGenerator<readonly WatchItem[], void, void> {
  try {
    for await (const items of watch) {
      const shown = items.flatMap((item) => (item.type === 'BOOKMARK' || item.type === 'ERROR' ? [] : [item.object]))
      await kind.custom?.view.prepare(shown)
      yield items.map((item): WatchItem => {
        if (item.type === 'BOOKMARK' || item.type === 'ERROR') return item
        const object = inOwnForm(kind, item.object)
        return item.isInitial === true ? { type: item.type, object, isInitial: true } : { type: item.type, object }
      })
    }
  } catch (error) {
    if (!(error instanceof StatusError)) throw error
    // Something cannot be shown in this form: whoever watches has missed it, and begins anew.
    yield [{ type: 'ERROR', error }]
  }
}

import { matchesRequirements } from '#machinery/labelSelector.ts'
import type { ServerReply } from '../request.ts'
import { badRequest, expired, isReason, notFound, StatusError } from '#machinery/status.ts'
import type { FieldRequirements } from '#machinery/fieldSelector.ts'
import { valueOf } from '../authorize/attributes.ts'
import { parseRevision } from '../errors.ts'
import { answeredRequest, type Exchange } from '../exchange.ts'
import { keyOf, type Kind } from '../kind.ts'
import { parseListOptions, type ListOptions } from '../options.ts'
import { listObjects, selectionOf } from '../registry/list.ts'
import { selects } from '../selection.ts'
import { StoredObject } from '../storedObject.ts'
import type { ComputedObjects } from '../strategy.ts'
import { watchResource, type WatchItem, type WatchPlace } from '../watch.ts'
import type { Store } from '#storage/store.ts'
import { checkName } from './names.ts'

/**
 * The newest state of one object, or one that is not older than `resourceVersion`; at once where the cache is not behind,
 * which is nearly always.
 */
export function readObject(exchange: Exchange, kind: Kind): StoredObject | Promise<StoredObject> {
  const { server, info, request } = exchange
  const { namespace, name } = info
  checkName(name)
  const { computed } = kind.strategy
  if (computed !== undefined) return computeObject(exchange, kind, computed)
  const { cache, store } = server.registry
  const key = keyOf(kind, namespace, name)
  const foundIn = (stored: StoredObject | undefined): StoredObject => {
    if (stored === undefined) throw notFound(kind.resource, name)
    return stored
  }
  const cached = (): StoredObject => foundIn(kind.cache.entries.get(key))
  const revision = parseRevision(request.query.get('resourceVersion') ?? '')
  if (revision !== undefined) return cache.reached(revision).then(cached)
  const behind = cache.current()
  if (behind === undefined) return cached()
  return behind.then(cached, async (error: unknown) => {
    if (!isReason(error, 'Timeout')) throw error
    return foundIn(await storedObject(store, key))
  })
}

async function computeObject({ server, info }: Exchange, kind: Kind, computed: ComputedObjects): Promise<StoredObject> {
  const object = await computed.get(server.registry.cluster, info.namespace, info.name)
  return StoredObject.made(keyOf(kind, info.namespace, info.name), object)
}

/** The newest state of a key from the store itself, for when the cache does not catch up. */
async function storedObject(store: Store, key: string): Promise<StoredObject | undefined> {
  const { kv } = await store.get(key)
  return kv === undefined ? undefined : StoredObject.of(key, kv.modified, kv.value)
}

export function getEndpoint(exchange: Exchange, kind: Kind): ServerReply | Promise<ServerReply> {
  const reply = (stored: StoredObject): ServerReply => ({ type: 'stored', code: 200, kind, stored })
  const stored = readObject(exchange, kind)
  return stored instanceof Promise ? stored.then(reply) : reply(stored)
}

export async function listEndpoint(exchange: Exchange, kind: Kind): Promise<ServerReply> {
  const { server, info, request } = exchange
  const options = parseListOptions(request.query, kind)
  const { computed } = kind.strategy
  if (computed !== undefined) return listComputed(exchange, kind, computed, options)
  const { items, metadata } = await listObjects(server.registry, kind, info.namespace, options)
  return { type: 'list', code: 200, kind, items, metadata }
}

/** What is made for each request is not told in pages: there would be nothing to go on in. */
async function listComputed(
  { server, info }: Exchange,
  kind: Kind,
  computed: ComputedObjects,
  options: ListOptions,
): Promise<ServerReply> {
  const selection = selectionOf(kind, info.namespace, options)
  const objects = await computed.list(server.registry.cluster, info.namespace, (labels) =>
    matchesRequirements(selection.labels, labels),
  )
  const items = objects
    .map((object) => StoredObject.made(keyOf(kind, object.metadata.namespace ?? '', object.metadata.name), object))
    .filter((item) => selects(selection, item))
  return { type: 'list', code: 200, kind, items, metadata: {} }
}

export async function watchEndpoint(exchange: Exchange, kind: Kind): Promise<ServerReply> {
  const { server, info, request } = exchange
  const { cache, clock, random } = server.registry
  const parsed = parseListOptions(request.query, kind)
  const options = { ...parsed, fields: fieldsWithName(parsed.fields, info.name) }
  const revision = parseRevision(options.resourceVersion)
  const initial = options.sendInitialEvents ?? (revision === undefined || revision === 0)
  const timeoutMs =
    options.timeoutSeconds !== undefined && options.timeoutSeconds > 0
      ? options.timeoutSeconds * 1_000
      : server.minRequestTimeoutMs * (1 + random.next())
  // From here on refusals are events of a watch, so that a client that has one open knows one way to learn of them.
  const place: WatchPlace = {
    position: kind.cache.window.next,
    deadline: clock.now() + timeoutMs,
    onCut: () => server.metrics.requests.watcherCut(kind),
  }
  const reply = (watch: AsyncGenerator<readonly WatchItem[], void, void>): ServerReply => ({
    type: 'watch',
    code: 200,
    kind,
    watch: counted(exchange, kind, watch),
    place,
  })
  try {
    if (initial && revision !== undefined) await cache.reached(revision)
    else if (revision === undefined) await cache.current()
  } catch (error) {
    if (!(error instanceof StatusError) || request.caller !== undefined) throw error
    return reply(refusal(error))
  }
  const from = initial ? undefined : revision === undefined || revision === 0 ? cache.revision : revision
  if (from !== undefined && from < kind.cache.window.floor && request.caller !== undefined) {
    throw expired(`too old resource version: ${from} (${kind.cache.window.floor})`)
  }
  return reply(
    watchResource({
      cache: kind.cache,
      place,
      selection: selectionOf(kind, info.namespace, options),
      clock,
      random,
      ...(from === undefined ? {} : { from }),
      markInitialEvents: options.sendInitialEvents === true && options.bookmarks,
      bookmarks: options.bookmarks,
      bookmarkMs: server.bookmarkMs,
      isTransformed: exchange.wanted.as !== undefined,
      signal: AbortSignal.any([
        request.signal,
        server.closing,
        ...(kind.custom === undefined ? [] : [kind.custom.retired]),
      ]),
    }),
  )
}

/** The requirements of a watch of one object that the path names. A selector beside it has to name the same. */
function fieldsWithName(fields: FieldRequirements, name: string): FieldRequirements {
  if (name === '') return fields
  if (fields.length === 0) return [{ field: 'metadata.name', equal: true, value: name }]
  if (valueOf(fields, 'metadata.name') === name) return fields
  throw badRequest("fieldSelector metadata.name doesn't match requested name")
}

async function* refusal(error: StatusError): AsyncGenerator<readonly WatchItem[], void, void> {
  yield [{ type: 'ERROR', error }]
}

/** A watch that counts as a long-running request from its first to its last event. */
async function* counted(
  exchange: Exchange,
  kind: Kind,
  watch: AsyncGenerator<readonly WatchItem[], void, void>,
): AsyncGenerator<readonly WatchItem[], void, void> {
  const { requests } = exchange.server.metrics
  using _ = requests.begins(answeredRequest(exchange))
  const events = requests.watchEvents(kind)
  for await (const items of watch) {
    events.inc(items.length)
    yield items
  }
}

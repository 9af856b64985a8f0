import type { ServerReply } from '../request.ts'
import { notFound, expired } from '#machinery/status.ts'
import { parseRevision } from '../errors.ts'
import type { Exchange } from '../exchange.ts'
import { keyOf, type Kind } from '../kind.ts'
import { parseListOptions } from '../options.ts'
import { listObjects, selectionOf } from '../registry/list.ts'
import type { StoredObject } from '../storedObject.ts'
import { watchResource } from '../watch.ts'
import { checkName } from './names.ts'

/** The newest state of one object, or one that is not older than `resourceVersion`. */
export async function readObject({ server, info, request }: Exchange, kind: Kind): Promise<StoredObject> {
  checkName(info.name)
  const revision = parseRevision(request.query.get('resourceVersion') ?? '')
  const { cache } = server.registry
  if (revision === undefined) await cache.current()
  else await cache.reached(revision)
  const stored = kind.cache.entries.get(keyOf(kind, info.namespace, info.name))
  if (stored === undefined) throw notFound(kind.resource, info.name)
  return stored
}

export async function getEndpoint(exchange: Exchange, kind: Kind): Promise<ServerReply> {
  return { type: 'stored', code: 200, kind, stored: await readObject(exchange, kind) }
}

export async function listEndpoint(exchange: Exchange, kind: Kind): Promise<ServerReply> {
  const { server, info, request } = exchange
  const options = parseListOptions(request.query, kind)
  const { items, metadata } = await listObjects(server.registry, kind, info.namespace, options)
  return { type: 'list', code: 200, kind, items, metadata }
}

/** Watches without a `timeoutSeconds` of their own last between this and twice as long. */
const shortestWatchMs = 1_800_000

export async function watchEndpoint(exchange: Exchange, kind: Kind): Promise<ServerReply> {
  const { server, info, request } = exchange
  const { cache, clock, random } = server.registry
  const parsed = { ...parseListOptions(request.query, kind), watch: true }
  const byName = info.name === '' ? [] : [{ field: 'metadata.name', equal: true, value: info.name }]
  const options = { ...parsed, fields: [...parsed.fields, ...byName] }
  const revision = parseRevision(options.resourceVersion)
  const initial = options.sendInitialEvents ?? (revision === undefined || revision === 0)
  if (initial && revision !== undefined && revision > 0) await cache.reached(revision)
  else if (revision === undefined) await cache.current()
  const timeoutMs =
    options.timeoutSeconds !== undefined && options.timeoutSeconds > 0
      ? options.timeoutSeconds * 1_000
      : shortestWatchMs * (1 + random.next())
  const from = initial ? undefined : revision === undefined || revision === 0 ? cache.revision : revision
  if (from !== undefined && from < kind.cache.window.floor && request.caller !== undefined) {
    throw expired(`too old resource version: ${from} (${kind.cache.window.floor})`)
  }
  const watch = watchResource({
    cache: kind.cache,
    selection: selectionOf(kind, info.namespace, options),
    clock,
    random,
    ...(from === undefined ? {} : { from }),
    markInitialEvents: options.sendInitialEvents === true && options.bookmarks,
    bookmarks: options.bookmarks,
    timeoutMs,
    signal: AbortSignal.any([
      request.signal,
      server.closing,
      ...(kind.custom === undefined ? [] : [kind.custom.retired]),
    ]),
  })
  return { type: 'watch', code: 200, kind, watch: counted(exchange, watch) }
}

/** A watch that counts as a long-running request from its first to its last event. */
async function* counted<T>(
  { server, info }: Exchange,
  watch: AsyncGenerator<T, void, void>,
): AsyncGenerator<T, void, void> {
  using _ = server.metrics.watchBegins(info)
  yield* watch
}

import type { ListMeta } from '#api/meta/v1/list.ts'
import { badRequest, StatusError, expired, isReason, type Status } from '#machinery/status.ts'
import { RevisionCompacted, StoreError, type Revision } from '#storage/store.ts'
import { decodeContinueToken, encodeContinueToken } from '../continueToken.ts'
import { parseRevision } from '../errors.ts'
import { fieldReader, scopePrefix, type Kind } from '../kind.ts'
import type { ListOptions } from '../options.ts'
import { isPlain, selects, type Selection } from '../selection.ts'
import { StoredObject } from '../storedObject.ts'
import { tooLarge } from '../watchCache.ts'
import type { RegistryContext } from './context.ts'

/** A page of objects as of one revision. */
export interface ObjectList {
  readonly items: readonly StoredObject[]
  readonly metadata: ListMeta
}

/** What a list or watch is about. */
export function selectionOf(kind: Kind, namespace: string, options: Pick<ListOptions, 'labels' | 'fields'>): Selection {
  // Asking for one namespace by field is asking for it by path.
  const byField = options.fields.find(({ field, equal }) => field === 'metadata.namespace' && equal)?.value
  return {
    prefix: scopePrefix(kind, namespace === '' && byField !== undefined ? byField : namespace),
    labels: options.labels,
    fields: options.fields,
    readField: fieldReader(kind),
    ...(kind.custom === undefined ? {} : { view: kind.custom.view }),
  }
}

/** Lists what a selection holds, in the order of keys. */
export async function listObjects(
  context: RegistryContext,
  kind: Kind,
  namespace: string,
  options: ListOptions,
): Promise<ObjectList> {
  const selection = selectionOf(kind, namespace, options)
  const { limit } = options
  if (options.continue !== '') {
    const { revision, after } = decodeContinueToken(options.continue)
    if (options.resourceVersion !== '' && options.resourceVersion !== '0') {
      throw badRequest('specifying resource version is not allowed when using continue')
    }
    const key = kind.cache.prefix + after
    if (revision === undefined) return listNewest(context, kind, selection, limit, key)
    return listAt(context, kind, selection, revision, limit, key)
  }
  const revision = parseRevision(options.resourceVersion, 'resourceVersion', invalidRevision)
  if (revision === undefined) return listNewest(context, kind, selection, limit)
  // Whoever takes any state gets it whole: there is nothing to go on in.
  if (options.resourceVersion === '0') return listCached(kind, selection, 0)
  if (options.match === 'Exact' || (options.match === '' && limit > 0 && revision > 0)) {
    return listAt(context, kind, selection, revision, limit)
  }
  await context.cache.reached(revision)
  return listCached(kind, selection, limit)
}

function invalidRevision(message: string): StatusError {
  return badRequest(`invalid resource version: ${message}`)
}

/** The newest state: from the cache once that has caught up, from the store while it lags behind. */
async function listNewest(
  context: RegistryContext,
  kind: Kind,
  selection: Selection,
  limit: number,
  after?: string,
): Promise<ObjectList> {
  try {
    await context.cache.current()
  } catch (error) {
    if (!isReason(error, 'Timeout')) throw error
    const revision = await context.store.revision()
    return listStored(context, kind, selection, revision, limit, after)
  }
  return listCached(kind, selection, limit, after)
}

/** Objects that are looked at before others may run. */
const objectsPerTurn = 1_000

async function listCached(kind: Kind, selection: Selection, limit: number, after?: string): Promise<ObjectList> {
  const { revision } = kind.cache
  const all = kind.cache.entries.list(selection.prefix, after)
  return page(kind, await filter(all, selection, limit), limit, revision, isPlain(selection) ? all.length : undefined)
}

/** The objects of a selection; one more than `limit` when there are more. */
async function filter(all: StoredObject[], selection: Selection, limit: number): Promise<StoredObject[]> {
  const most = limit === 0 ? Infinity : limit + 1
  if (isPlain(selection)) return all.length > most ? all.slice(0, most) : all
  await selection.view?.prepare(all)
  const found: StoredObject[] = []
  for (let at = 0; at < all.length && found.length < most; at++) {
    if (at % objectsPerTurn === objectsPerTurn - 1) await new Promise((resolve) => setImmediate(resolve))
    if (selects(selection, all[at]!)) found.push(all[at]!)
  }
  return found
}

function page(
  kind: Kind,
  found: StoredObject[],
  limit: number,
  revision: Revision,
  total: number | undefined,
): ObjectList {
  const resourceVersion = String(revision)
  if (limit === 0 || found.length <= limit) return { items: found, metadata: { resourceVersion } }
  const items = found.slice(0, limit)
  const after = items.at(-1)!.key.slice(kind.cache.prefix.length)
  return {
    items,
    metadata: {
      resourceVersion,
      continue: encodeContinueToken({ revision, after }),
      ...(total === undefined ? {} : { remainingItemCount: total - limit }),
    },
  }
}

/** The state of one revision: from the cache while nothing has changed since, otherwise from the store's history. */
async function listAt(
  context: RegistryContext,
  kind: Kind,
  selection: Selection,
  revision: Revision,
  limit: number,
  after?: string,
): Promise<ObjectList> {
  const { window } = kind.cache
  await context.cache.reached(revision)
  if (revision >= window.floor && window.after(revision) === window.next) {
    const all = kind.cache.entries.list(selection.prefix, after)
    return page(kind, await filter(all, selection, limit), limit, revision, isPlain(selection) ? all.length : undefined)
  }
  try {
    return await listStored(context, kind, selection, revision, limit, after)
  } catch (error) {
    if (error instanceof RevisionCompacted) throw compactedError(kind, after)
    if (error instanceof StoreError && error.reason === 'future') throw tooLarge(revision, context.cache.revision)
    throw error
  }
}

/** Keys read from the store at once while a selector is looking for matches. */
const storePage = 500

async function listStored(
  context: RegistryContext,
  kind: Kind,
  selection: Selection,
  revision: Revision,
  limit: number,
  from?: string,
): Promise<ObjectList> {
  const plain = isPlain(selection)
  const found: StoredObject[] = []
  let total: number | undefined
  let after = from
  for (;;) {
    const most = plain && limit > 0 ? limit + 1 : storePage
    const { items, more, remaining } = await context.store.list(selection.prefix, {
      at: revision,
      limit: most,
      ...(after === undefined ? {} : { after }),
    })
    if (plain && limit > 0) total = items.length + remaining
    const page = items.map(({ key, modified, value }) => StoredObject.of(key, modified, value))
    if (!plain) await selection.view?.prepare(page)
    for (const stored of page) {
      if (plain || selects(selection, stored)) found.push(stored)
    }
    if (!more || (limit > 0 && found.length > limit)) break
    after = items.at(-1)!.key
  }
  return page(kind, found, limit, revision, total)
}

function compactedError(kind: Kind, after: string | undefined): StatusError {
  if (after === undefined) return expired('The resourceVersion for the provided list is too old.')
  const error = expired(
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without the ' +
      'continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing ' +
      'with the provided token results in an inconsistent list - objects that were created, modified, or deleted between ' +
      'the time the first chunk was returned and now may show up in the list.',
  )
  const token = encodeContinueToken({ revision: undefined, after: after.slice(kind.cache.prefix.length) })
  return new StatusError({ ...error.status, metadata: { continue: token } } as Status)
}

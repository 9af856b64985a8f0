/**
 * Talking to an API server. This folder has everything a component needs to read, follow and change objects, and nothing
 * that decides: transports (`inProcess.ts` of the server, `https.ts`), the typed client, informers, the controller loop,
 * events, leader election, discovery and kubeconfig files.
 */
import { apiVersionOf, type KubeObject, type Resource } from '#api/resource.ts'
import type { ObjectMeta } from '#api/meta/v1/objectMeta.ts'
import { badRequest, type Status } from '#machinery/status.ts'
import type { ApiRequest, Transport, WatchEvent } from './transport.ts'

/** Addresses one object; the metadata of any object serves. */
export interface ObjectName {
  readonly name: string
  readonly namespace?: string
}

/** An object to be written; the client fills in what the resource already says, the server a name from `generateName`. */
export type Draft<T extends KubeObject> = Omit<T, 'apiVersion' | 'kind' | 'metadata'> & {
  readonly apiVersion?: string
  readonly kind?: string
  readonly metadata: Partial<ObjectMeta>
}

/** Some of the fields of an object, to any depth; lists are whole. */
export type Fields<T> = T extends readonly (infer E)[]
  ? readonly Fields<E>[]
  : T extends object
    ? { readonly [K in keyof T]?: Fields<T[K]> }
    : T

/** The fields of an object that a writer wants to be as they stand here, and to own. */
export type Applied<T extends KubeObject> = Fields<Omit<T, 'metadata'>> & {
  readonly metadata: Fields<ObjectMeta> & ObjectName
}

export interface GetOptions {
  readonly resourceVersion?: string
  readonly signal?: AbortSignal
}

export interface Selection {
  /** Absent: in all namespaces. */
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
}

export interface ListOptions extends Selection {
  readonly limit?: number
  readonly continue?: string
  readonly resourceVersion?: string
  readonly resourceVersionMatch?: 'Exact' | 'NotOlderThan'
  /** Asks for metadata alone; the items then have no spec and no status. */
  readonly metadataOnly?: boolean
  readonly signal?: AbortSignal
}

export interface WatchOptions extends Selection {
  readonly resourceVersion?: string
  readonly allowBookmarks?: boolean
  /** Starts with every object there is, then a bookmark that says so, then changes. */
  readonly sendInitialEvents?: boolean
  readonly timeoutSeconds?: number
  readonly metadataOnly?: boolean
}

export interface ListPage<T> {
  readonly items: readonly T[]
  readonly resourceVersion: string
  /** Hands back the next page; absent on the last one. */
  readonly continue?: string
  readonly remainingItemCount?: number
}

export interface WriteOptions {
  readonly dryRun?: boolean
  readonly fieldManager?: string
  readonly fieldValidation?: 'Ignore' | 'Warn' | 'Strict'
  readonly signal?: AbortSignal
}

export interface ApplyOptions extends WriteOptions {
  /** Takes fields away from other owners instead of being refused with a Conflict. */
  readonly force?: boolean
}

/** How a change is written down: RFC 6902, RFC 7396, or the Kubernetes forms that know list keys. */
export type Patch =
  | { readonly type: 'json'; readonly operations: readonly JsonPatchOperation[] }
  | { readonly type: 'merge' | 'strategic'; readonly body: object }
  | { readonly type: 'apply'; readonly body: object; readonly force?: boolean }

export interface JsonPatchOperation {
  readonly op: 'add' | 'remove' | 'replace' | 'move' | 'copy' | 'test'
  readonly path: string
  readonly from?: string
  readonly value?: unknown
}

const patchTypes: Readonly<Record<Patch['type'], string>> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
}

export interface DeleteOptions {
  readonly gracePeriodSeconds?: number
  readonly propagationPolicy?: 'Foreground' | 'Background' | 'Orphan'
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string }
  readonly dryRun?: boolean
  readonly signal?: AbortSignal
}

/**
 * Reads and writes objects of any kind. Refusals are thrown as StatusErrors.
 * Objects it returns are frozen; objects given to it must not be changed afterwards.
 */
export interface Client {
  readonly transport: Transport
  get<T extends KubeObject>(resource: Resource<T>, at: ObjectName, options?: GetOptions): Promise<T>
  /** One page, or everything when no limit is given. */
  list<T extends KubeObject>(resource: Resource<T>, options?: ListOptions): Promise<ListPage<T>>
  /** Every object, read in pages of `limit` (500) from one revision. */
  listAll<T extends KubeObject>(resource: Resource<T>, options?: ListOptions): Promise<ListPage<T>>
  create<T extends KubeObject>(resource: Resource<T>, object: Draft<T>, options?: WriteOptions): Promise<T>
  update<T extends KubeObject>(resource: Resource<T>, object: Draft<T>, options?: WriteOptions): Promise<T>
  updateStatus<T extends KubeObject>(resource: Resource<T>, object: Draft<T>, options?: WriteOptions): Promise<T>
  patch<T extends KubeObject>(resource: Resource<T>, at: ObjectName, patch: Patch, options?: WriteOptions): Promise<T>
  patchStatus<T extends KubeObject>(
    resource: Resource<T>,
    at: ObjectName,
    patch: Patch,
    options?: WriteOptions,
  ): Promise<T>
  /**
   * Server-side apply: makes the object if there is none, gives the fields named here these values, and removes those that
   * the same field manager named before and names no more. The same call again changes nothing, not even the revision.
   */
  apply<T extends KubeObject>(resource: Resource<T>, object: Applied<T>, options?: ApplyOptions): Promise<T>
  applyStatus<T extends KubeObject>(resource: Resource<T>, object: Applied<T>, options?: ApplyOptions): Promise<T>
  /** The object in its last state, or a Status when it is gone at once. */
  delete<T extends KubeObject>(resource: Resource<T>, at: ObjectName, options?: DeleteOptions): Promise<T | Status>
  deleteCollection<T extends KubeObject>(
    resource: Resource<T>,
    selection: Selection,
    options?: DeleteOptions,
  ): Promise<void>
  watch<T extends KubeObject>(
    resource: Resource<T>,
    options: WatchOptions,
    signal: AbortSignal,
  ): AsyncIterable<readonly WatchEvent<T>[]>
  /** Reads a subresource that has a kind of its own, such as `scale`. */
  getSubresource<S>(resource: Resource, at: ObjectName, subresource: string, options?: GetOptions): Promise<S>
  /** Posts to a subresource: `binding`, `eviction`, `token`. */
  createSubresource<S, A = unknown>(
    resource: Resource,
    at: ObjectName,
    subresource: string,
    body: S,
    options?: WriteOptions,
  ): Promise<A>
  updateSubresource<S>(
    resource: Resource,
    at: ObjectName,
    subresource: string,
    body: S,
    options?: WriteOptions,
  ): Promise<S>
  patchSubresource<S>(
    resource: Resource,
    at: ObjectName,
    subresource: string,
    patch: Patch,
    options?: WriteOptions,
  ): Promise<S>
  /** Puts a pod on a node (`pods/binding`). */
  bind(pod: Resource, at: ObjectName & { readonly uid?: string }, node: string, signal?: AbortSignal): Promise<void>
  /** Reads an answer that is a stream of bytes, such as a followed log. */
  stream(request: ApiRequest, signal: AbortSignal): Promise<ReadableStream<Uint8Array>>
}

export interface ClientOptions {
  /** Recorded in `managedFields` for every write that names none. */
  readonly fieldManager?: string
  /** Told of every warning that the server sends. */
  readonly onWarning?: (text: string) => void
}

/** A typed client over a transport. */
export function clientOver(transport: Transport, options: ClientOptions = {}): Client {
  const send = async <A>(request: ApiRequest, signal: AbortSignal | undefined): Promise<A> => {
    const response = await transport.send(request, signal)
    if (options.onWarning !== undefined) for (const text of response.warnings) options.onWarning(text)
    return response.body as A
  }
  const writeQuery = (write: WriteOptions): Query => ({
    dryRun: write.dryRun === true ? 'All' : undefined,
    fieldManager: write.fieldManager ?? options.fieldManager,
    fieldValidation: write.fieldValidation,
  })
  const put = <A>(path: string, body: unknown, write: WriteOptions): Promise<A> =>
    send({ method: 'PUT', path, query: writeQuery(write), body }, write.signal)
  const post = <A>(path: string, body: unknown, write: WriteOptions): Promise<A> =>
    send({ method: 'POST', path, query: writeQuery(write), body }, write.signal)
  const patch = <A>(path: string, change: Patch, write: WriteOptions): Promise<A> =>
    send(
      {
        method: 'PATCH',
        path,
        query: {
          ...writeQuery(write),
          force: change.type === 'apply' && change.force === true ? 'true' : undefined,
        },
        body: change.type === 'json' ? change.operations : change.body,
        contentType: patchTypes[change.type],
      },
      write.signal,
    )

  const client: Client = {
    transport,
    get: (resource, at, read = {}) =>
      send(
        { method: 'GET', path: objectPath(resource, at), query: { resourceVersion: read.resourceVersion } },
        read.signal,
      ),
    async list<T extends KubeObject>(resource: Resource<T>, read: ListOptions = {}) {
      const body = await send<ListBody<T>>(
        {
          method: 'GET',
          path: collectionPath(resource, read.namespace),
          query: {
            ...selectionQuery(read),
            limit: read.limit?.toString(),
            continue: read.continue,
            resourceVersion: read.resourceVersion,
            resourceVersionMatch: read.resourceVersionMatch,
          },
          ...(read.metadataOnly === true ? { accept: metadataListType } : {}),
        },
        read.signal,
      )
      return pageOf(body)
    },
    async listAll<T extends KubeObject>(resource: Resource<T>, read: ListOptions = {}) {
      const items: T[] = []
      let next = read.continue
      for (;;) {
        const page: ListPage<T> = await client.list(resource, {
          ...read,
          limit: read.limit ?? 500,
          ...(next === undefined ? {} : { continue: next, resourceVersion: '' }),
        })
        items.push(...page.items)
        next = page.continue
        if (next === undefined) return { items, resourceVersion: page.resourceVersion }
      }
    },
    create: (resource, object, write = {}) =>
      post(collectionPath(resource, object.metadata.namespace), typed(resource, object), write),
    update: (resource, object, write = {}) =>
      put(objectPath(resource, addressOf(object)), typed(resource, object), write),
    updateStatus: (resource, object, write = {}) =>
      put(objectPath(resource, addressOf(object), 'status'), typed(resource, object), write),
    patch: (resource, at, change, write = {}) => patch(objectPath(resource, at), change, write),
    patchStatus: (resource, at, change, write = {}) => patch(objectPath(resource, at, 'status'), change, write),
    apply: (resource, object, { force, ...write } = {}) =>
      patch(objectPath(resource, object.metadata), applied(resource, object, force), write),
    applyStatus: (resource, object, { force, ...write } = {}) =>
      patch(objectPath(resource, object.metadata, 'status'), applied(resource, object, force), write),
    delete: (resource, at, how = {}) =>
      send({ method: 'DELETE', path: objectPath(resource, at), ...deleteBody(how) }, how.signal),
    async deleteCollection(resource, selection, how = {}) {
      await send(
        {
          method: 'DELETE',
          path: collectionPath(resource, selection.namespace),
          query: selectionQuery(selection),
          ...deleteBody(how),
        },
        how.signal,
      )
    },
    watch<T extends KubeObject>(resource: Resource<T>, follow: WatchOptions, signal: AbortSignal) {
      const request: ApiRequest = {
        method: 'GET',
        path: collectionPath(resource, follow.namespace),
        query: {
          watch: 'true',
          ...selectionQuery(follow),
          resourceVersion: follow.resourceVersion,
          allowWatchBookmarks: follow.allowBookmarks === true ? 'true' : undefined,
          sendInitialEvents: follow.sendInitialEvents?.toString(),
          resourceVersionMatch: follow.sendInitialEvents === undefined ? undefined : 'NotOlderThan',
          timeoutSeconds: follow.timeoutSeconds?.toString(),
        },
        ...(follow.metadataOnly === true ? { accept: metadataType } : {}),
      }
      return transport.watch(request, signal) as AsyncIterable<readonly WatchEvent<T>[]>
    },
    getSubresource: (resource, at, subresource, read = {}) =>
      send(
        {
          method: 'GET',
          path: objectPath(resource, at, subresource),
          query: { resourceVersion: read.resourceVersion },
        },
        read.signal,
      ),
    createSubresource: (resource, at, subresource, body, write = {}) =>
      post(objectPath(resource, at, subresource), body, write),
    updateSubresource: (resource, at, subresource, body, write = {}) =>
      put(objectPath(resource, at, subresource), body, write),
    patchSubresource: (resource, at, subresource, change, write = {}) =>
      patch(objectPath(resource, at, subresource), change, write),
    async bind(pod, at, node, signal) {
      const { name, namespace, uid } = at
      const metadata = { name, namespace, ...(uid === undefined ? {} : { uid }) }
      const body = { apiVersion: 'v1', kind: 'Binding', metadata, target: { kind: 'Node', name: node } }
      await post(objectPath(pod, at, 'binding'), body, signal === undefined ? {} : { signal })
    },
    stream: (request, signal) => transport.stream(request, signal),
  }
  return client
}

type Query = Record<string, string | undefined>

interface ListBody<T> {
  readonly metadata?: {
    readonly resourceVersion?: string
    readonly continue?: string
    readonly remainingItemCount?: number
  }
  readonly items?: readonly T[] | null
}

/** Metadata alone where the server can, the whole object where it cannot. */
const metadataType = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json'
const metadataListType = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json'

function pageOf<T>(body: ListBody<T>): ListPage<T> {
  const { resourceVersion = '', continue: next, remainingItemCount } = body.metadata ?? {}
  return {
    items: body.items ?? [],
    resourceVersion,
    ...(next === undefined || next === '' ? {} : { continue: next }),
    ...(remainingItemCount === undefined ? {} : { remainingItemCount }),
  }
}

function selectionQuery(selection: Selection): Query {
  return {
    labelSelector: selection.labelSelector === '' ? undefined : selection.labelSelector,
    fieldSelector: selection.fieldSelector === '' ? undefined : selection.fieldSelector,
  }
}

function typed<T extends KubeObject>(resource: Resource<T>, object: Draft<T>): KubeObject {
  return {
    ...object,
    apiVersion: object.apiVersion ?? apiVersionOf(resource),
    kind: object.kind ?? resource.kind,
  } as unknown as KubeObject
}

function applied<T extends KubeObject>(resource: Resource<T>, object: Applied<T>, force: boolean | undefined): Patch {
  const body = { ...object, apiVersion: apiVersionOf(resource), kind: resource.kind }
  return { type: 'apply', body, ...(force === undefined ? {} : { force }) }
}

function addressOf(object: { readonly metadata: Partial<ObjectMeta> }): ObjectName {
  const { name = '', namespace } = object.metadata
  return namespace === undefined ? { name } : { name, namespace }
}

function deleteBody(how: DeleteOptions): { body?: object } {
  const { signal: _signal, dryRun, ...options } = how
  if (Object.keys(options).length === 0 && dryRun !== true) return {}
  return {
    body: {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      ...options,
      ...(dryRun === true ? { dryRun: ['All'] } : {}),
    },
  }
}

/** The path of a kind's objects: `/apis/apps/v1/namespaces/default/deployments`. */
function collectionPath(
  resource: Pick<Resource, 'group' | 'version' | 'plural' | 'scope'>,
  namespace?: string,
): string {
  const root = resource.group === '' ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`
  const within =
    resource.scope === 'Namespaced' && namespace !== undefined && namespace !== ''
      ? `/namespaces/${pathSegment(namespace, 'namespace')}`
      : ''
  return `${root}${within}/${resource.plural}`
}

/** The path of one object, or of its subresource. Throws a BadRequest for a name that cannot stand in a path. */
function objectPath(
  resource: Pick<Resource, 'group' | 'version' | 'plural' | 'scope' | 'kind'>,
  at: ObjectName,
  subresource?: string,
): string {
  if (resource.scope === 'Namespaced' && (at.namespace ?? '') === '') {
    throw badRequest(`an empty namespace may not be set when a resource name is provided (${resource.kind})`)
  }
  const base = `${collectionPath(resource, at.namespace)}/${pathSegment(at.name, 'resource name')}`
  return subresource === undefined ? base : `${base}/${subresource}`
}

/** Names that stand in a path as they are: nearly all. */
const plainName = /^[A-Za-z0-9][-.A-Za-z0-9]*$/

/** A name as one segment of a path; what could climb out of it or split it is refused, as the server would. */
function pathSegment(name: string, what: string): string {
  if (plainName.test(name)) return name
  if (name === '') throw badRequest(`${what} may not be empty`)
  if (name === '.' || name === '..') throw badRequest(`invalid ${what} "${name}": may not be '${name}'`)
  for (const piece of ['/', '%']) {
    if (name.includes(piece)) throw badRequest(`invalid ${what} "${name}": may not contain '${piece}'`)
  }
  return encodeURIComponent(name).replaceAll('%3A', ':').replaceAll('%40', '@')
}

/** What a request asks for, as far as the method and the path tell. */
export interface RequestInfo {
  readonly path: string
  /** True below `/api/<version>/` and `/apis/<group>/<version>/`. */
  readonly isResource: boolean
  readonly verb: Verb | NonResourceVerb
  readonly group: string
  readonly version: string
  /** Empty for cluster-wide requests. */
  readonly namespace: string
  /** The plural name; empty for discovery. */
  readonly resource: string
  readonly subresource: string
  readonly name: string
  /** What follows the subresource (`proxy/…`), with a leading slash; otherwise empty. */
  readonly rest: string
}

export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'deletecollection'
export type NonResourceVerb = 'get' | 'post' | 'put' | 'patch' | 'delete' | 'head' | 'options'

/** Paths longer than this are refused before they are looked at. */
export const longestPath = 8 * 1024

/** Subresources of namespaces: in `/namespaces/<name>/<word>` every other word is a resource in the namespace. */
const namespaceSubresources = new Set(['status', 'finalize'])

const verbs: Readonly<Record<string, Verb>> = {
  GET: 'get',
  HEAD: 'get',
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
}

/** Reads method and path. `path` is decoded already; `watch` says whether the query asks for one. */
export function parseRequestInfo(method: string, path: string, watch: boolean): RequestInfo {
  const nonResource = (): RequestInfo => ({
    path,
    isResource: false,
    verb: method.toLowerCase() as NonResourceVerb,
    group: '',
    version: '',
    namespace: '',
    resource: '',
    subresource: '',
    name: '',
    rest: '',
  })
  const parts = path.replace(/^\/+|\/+$/g, '').split('/')
  const isCore = parts[0] === 'api'
  if ((!isCore && parts[0] !== 'apis') || parts.length < (isCore ? 3 : 4)) return nonResource()
  const group = isCore ? '' : parts[1]!
  const version = isCore ? parts[1]! : parts[2]!
  let below = parts.slice(isCore ? 2 : 3)
  let verb: Verb = verbs[method] ?? 'get'
  // The old form of a watch: /api/v1/watch/namespaces/default/pods.
  const prefixed = below[0] === 'watch' && below.length > 1
  if (prefixed) below = below.slice(1)
  let namespace = ''
  if (below[0] === 'namespaces' && below.length > 1) {
    namespace = below[1]!
    if (below.length > 2 && !namespaceSubresources.has(below[2]!)) below = below.slice(2)
  }
  const [resource = '', name = '', subresource = '', ...rest] = below
  if (name === '' && verb === 'get') verb = 'list'
  if (name === '' && verb === 'delete') verb = 'deletecollection'
  if (prefixed || (watch && verb === 'list')) verb = 'watch'
  return {
    path,
    isResource: true,
    verb,
    group,
    version,
    namespace: resource === 'namespaces' && namespace !== '' ? name : namespace,
    resource,
    subresource,
    name,
    rest: rest.length === 0 ? '' : `/${rest.join('/')}`,
  }
}

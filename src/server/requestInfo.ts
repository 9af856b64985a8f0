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
  const parts = partsOf(path)
  const isCore = parts[0] === 'api'
  if ((!isCore && parts[0] !== 'apis') || parts.length < (isCore ? 3 : 4)) return nonResource(method, path)
  const group = isCore ? '' : parts[1]!
  const version = isCore ? parts[1]! : parts[2]!
  let at = isCore ? 2 : 3
  // The old form of a watch: /api/v1/watch/namespaces/default/pods.
  const prefixed = parts[at] === 'watch' && parts.length > at + 1
  if (prefixed) at++
  let namespace = ''
  if (parts[at] === 'namespaces' && parts.length > at + 1) {
    namespace = parts[at + 1]!
    if (parts.length > at + 2 && !namespaceSubresources.has(parts[at + 2]!)) at += 2
  }
  const resource = parts[at] ?? ''
  const name = parts[at + 1] ?? ''
  let verb: Verb = verbs[method] ?? 'get'
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
    subresource: parts[at + 2] ?? '',
    name,
    rest: parts.length <= at + 3 ? '' : `/${parts.slice(at + 3).join('/')}`,
  }
}

function nonResource(method: string, path: string): RequestInfo {
  return {
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
  }
}

/** What stands between the slashes of a path. Every request asks: `split` takes twice as long. */
function partsOf(path: string): string[] {
  const parts: string[] = []
  const end = pathEnd(path)
  for (let begin = pathBegin(path); begin <= end;) {
    const found = path.indexOf('/', begin)
    const next = found < 0 || found > end ? end : found
    parts.push(path.slice(begin, next))
    begin = next + 1
  }
  return parts
}

const slash = 0x2f

/** Where a path begins without its leading slashes. */
function pathBegin(path: string): number {
  let begin = 0
  while (path.charCodeAt(begin) === slash) begin++
  return begin
}

/** Where a path ends without its trailing slashes. */
function pathEnd(path: string): number {
  let end = path.length
  while (end > 0 && path.charCodeAt(end - 1) === slash) end--
  return end
}

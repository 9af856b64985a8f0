// What another server says of itself: what it serves, and how that is described. It is asked now and then, and what it
// says is believed only as far as it has the right form.
import type {
  APIResourceDiscovery,
  APISubresourceDiscovery,
  APIVersionDiscovery,
} from '#api/apidiscovery/v2/discovery.ts'
import type { Clock } from '#lib/clock.ts'
import type { HttpClient } from '#lib/http/client.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { isObject, type JsonObject } from '#machinery/schema/model.ts'
import { identityHeaders } from './identity.ts'
import { openApiPart, type OpenApiPart } from './openApiPart.ts'

export interface BackendDocuments {
  readonly resources: readonly APIResourceDiscovery[]
  readonly freshness: NonNullable<APIVersionDiscovery['freshness']>
  /** Where its own OpenAPI document of version 3 is, with a hash of it; undefined when it has none. */
  readonly openApiV3: string | undefined
  readonly openApiV2: OpenApiV2 | undefined
}

export interface OpenApiV2 {
  readonly etag: string
  readonly part: OpenApiPart
}

export const nothingKnown: BackendDocuments = {
  resources: [],
  freshness: 'Stale',
  openApiV3: undefined,
  openApiV2: undefined,
}

/** How long another server may take to say what it serves. */
export const patienceMs = 5_000
/** The largest document that is read, in bytes. */
const largestDocument = 4 * 1024 * 1024
/** Resources of one version beyond these are not looked at. */
const mostResources = 1_000

const aggregated = ['v2', 'v2beta1']
  .map((version) => `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`)
  .join(',')

interface Source {
  readonly client: HttpClient
  readonly group: string
  readonly version: string
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** Asks a server for its documents. What it does not give stays as it was `before`, and is marked as old. */
export async function readDocuments(source: Source, before: BackendDocuments): Promise<BackendDocuments> {
  const [resources, openApiV3, openApiV2] = await Promise.all([
    readResources(source),
    readOpenApiV3(source),
    readOpenApiV2(source, before.openApiV2),
  ])
  const after: BackendDocuments = {
    resources: resources ?? before.resources,
    freshness: resources === undefined ? 'Stale' : 'Current',
    openApiV3: openApiV3 === undefined ? before.openApiV3 : openApiV3 === '' ? undefined : openApiV3,
    openApiV2: openApiV2 ?? before.openApiV2,
  }
  return sameDocuments(before, after) ? before : after
}

/** The documents of a server that does not answer any more. */
export function outdated(before: BackendDocuments): BackendDocuments {
  return before.freshness === 'Stale' ? before : { ...before, freshness: 'Stale' }
}

function sameDocuments(a: BackendDocuments, b: BackendDocuments): boolean {
  return (
    a.freshness === b.freshness &&
    a.openApiV3 === b.openApiV3 &&
    a.openApiV2 === b.openApiV2 &&
    sameJson(a.resources, b.resources)
  )
}

interface Answer {
  readonly status: number
  readonly etag: string
  readonly value: unknown
}

/** One document; undefined when none came in time, or it was no JSON, or too large. */
async function read(
  { client, clock, signal }: Source,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<Answer | undefined> {
  const late = new AbortController()
  const timer = clock.after(patienceMs, () => late.abort())
  const caller = { name: 'system:kube-aggregator', groups: ['system:masters'] }
  try {
    const response = await client.request({
      path,
      headers: { ...headers, ...identityHeaders(caller) },
      signal: AbortSignal.any([signal, late.signal]),
    })
    const bytes = await response.readBody(largestDocument)
    const etag = response.headers['etag']
    const value = response.status === 200 ? (JSON.parse(bytes.toString('utf8')) as unknown) : undefined
    return { status: response.status, etag: typeof etag === 'string' ? etag : '', value }
  } catch {
    return undefined
  } finally {
    timer[Symbol.dispose]()
  }
}

/** What the version serves: from the document of everything, or from its own list where there is no such document. */
async function readResources(source: Source): Promise<readonly APIResourceDiscovery[] | undefined> {
  const { group, version } = source
  const whole = await read(source, '/apis', { accept: `${aggregated},application/json` })
  if (whole === undefined) return undefined
  if (isObject(whole.value) && whole.value['kind'] === 'APIGroupDiscoveryList') {
    const ofGroup = objectsIn(whole.value['items']).find(
      ({ metadata }) => isObject(metadata) && metadata['name'] === group,
    )
    const ofVersion = objectsIn(ofGroup?.['versions']).find((each) => each['version'] === version)
    return objectsIn(ofVersion?.['resources']).flatMap((each) => resourceIn(each, group, version))
  }
  if (whole.status >= 500) return undefined
  const list = await read(source, `/apis/${group}/${version}`, { accept: 'application/json' })
  if (!isObject(list?.value) || list.value['kind'] !== 'APIResourceList') return undefined
  return fromList(objectsIn(list.value['resources']), group, version)
}

function objectsIn(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.slice(0, mostResources).filter(isObject) : []
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '')

const texts = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((each): each is string => typeof each === 'string') : []

/** One resource of a document of everything, with nothing in it but what belongs there. */
function resourceIn(value: JsonObject, group: string, version: string): readonly APIResourceDiscovery[] {
  const resource = text(value['resource'])
  if (resource === '') return []
  const subresources = objectsIn(value['subresources']).flatMap((each) => subresourceIn(each, group, version))
  return [
    {
      resource,
      responseKind: kindIn(value['responseKind'], group, version),
      scope: value['scope'] === 'Namespaced' ? 'Namespaced' : 'Cluster',
      singularResource: text(value['singularResource']),
      verbs: texts(value['verbs']),
      ...namesIn(value),
      ...(subresources.length === 0 ? {} : { subresources }),
    },
  ]
}

function subresourceIn(value: JsonObject, group: string, version: string): readonly APISubresourceDiscovery[] {
  const subresource = text(value['subresource'])
  if (subresource === '') return []
  return [{ subresource, responseKind: kindIn(value['responseKind'], group, version), verbs: texts(value['verbs']) }]
}

function kindIn(value: unknown, group: string, version: string): NonNullable<APIResourceDiscovery['responseKind']> {
  const of = isObject(value) ? value : {}
  return { group: text(of['group']) || group, version: text(of['version']) || version, kind: text(of['kind']) }
}

function namesIn(value: JsonObject): Pick<APIResourceDiscovery, 'shortNames' | 'categories'> {
  const [shortNames, categories] = [texts(value['shortNames']), texts(value['categories'])]
  return {
    ...(shortNames.length === 0 ? {} : { shortNames }),
    ...(categories.length === 0 ? {} : { categories }),
  }
}

/** The resources of a version's own list, where subresources stand beside resources under names such as `pods/log`. */
function fromList(list: readonly JsonObject[], group: string, version: string): readonly APIResourceDiscovery[] {
  const below = new Map<string, APISubresourceDiscovery[]>()
  for (const each of list) {
    const [resource = '', subresource = ''] = text(each['name']).split('/')
    if (subresource === '') continue
    const known = below.get(resource) ?? []
    known.push({ subresource, responseKind: kindIn(each, group, version), verbs: texts(each['verbs']) })
    below.set(resource, known)
  }
  return list.flatMap((each): readonly APIResourceDiscovery[] => {
    const resource = text(each['name'])
    if (resource === '' || resource.includes('/')) return []
    const subresources = below.get(resource)
    return [
      {
        resource,
        responseKind: kindIn(each, group, version),
        scope: each['namespaced'] === true ? 'Namespaced' : 'Cluster',
        singularResource: text(each['singularName']),
        verbs: texts(each['verbs']),
        ...namesIn(each),
        ...(subresources === undefined ? {} : { subresources }),
      },
    ]
  })
}

/** Where the version's OpenAPI document is; empty when the server has none, undefined when it did not say. */
async function readOpenApiV3(source: Source): Promise<string | undefined> {
  const index = await read(source, '/openapi/v3', { accept: 'application/json' })
  if (index === undefined) return undefined
  const paths = isObject(index.value) && isObject(index.value['paths']) ? index.value['paths'] : {}
  const name = `apis/${source.group}/${source.version}`
  const entry = Object.hasOwn(paths, name) ? paths[name] : undefined
  const url = isObject(entry) ? text(entry['serverRelativeURL']) : ''
  return url === `/openapi/v3/${name}` || url.startsWith(`/openapi/v3/${name}?`) ? url : ''
}

async function readOpenApiV2(source: Source, before: OpenApiV2 | undefined): Promise<OpenApiV2 | undefined> {
  const known = before === undefined || before.etag === '' ? {} : { 'if-none-match': before.etag }
  const answer = await read(source, '/openapi/v2', { accept: 'application/json', ...known })
  if (answer?.status !== 200 || !isObject(answer.value)) return undefined
  try {
    const part = openApiPart(answer.value, source.group, source.version)
    if (before !== undefined && JSON.stringify(before.part) === JSON.stringify(part)) return before
    return { etag: answer.etag, part }
  } catch {
    // Nested more deeply than any schema.
    return undefined
  }
}

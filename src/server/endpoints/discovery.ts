import { createHash } from 'node:crypto'
import type {
  APIGroupDiscovery,
  APIGroupDiscoveryList,
  APIResourceDiscovery,
  APISubresourceDiscovery,
  APIVersionDiscovery,
} from '#api/apidiscovery/v2/discovery.ts'
import type { APIGroup, APIGroupList, APIResource, APIResourceList, APIVersions } from '#api/meta/v1/discovery.ts'
import { deepFreeze } from '#lib/encoding/deepFreeze.ts'
import { contentTypeOf, type MediaType } from '#machinery/codec/negotiate.ts'
import type { GroupVersionKind } from '#machinery/schema/model.ts'
import { encodeValue } from '../encode/reply.ts'
import type { Backend } from '../extensions/aggregation/backend.ts'
import type { Registrations } from '../extensions/aggregation/registrations.ts'
import type { Kind, Kinds } from '../kind.ts'
import { Document } from './document.ts'
import { compareVersions } from '#machinery/versions.ts'
import type { Subresource } from '../strategy.ts'
import { storedKind } from '../versions.ts'

const allVerbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch']

/** The kinds that say how a connection is made. */
const connectKinds: Readonly<Record<string, string>> = {
  'pods/attach': 'PodAttachOptions',
  'pods/exec': 'PodExecOptions',
  'pods/portforward': 'PodPortForwardOptions',
  'pods/proxy': 'PodProxyOptions',
  'services/proxy': 'ServiceProxyOptions',
  'nodes/proxy': 'NodeProxyOptions',
}

/** A document in the forms in which clients take it, each written when it is first asked for. */
export class DiscoveryDocument {
  readonly object: object
  readonly #written = new Map<string, Document>()
  #etag: string | undefined

  constructor(object: object) {
    this.object = deepFreeze(object)
  }

  /** The same for every form: clients keep them apart by what they accept. */
  get etag(): string {
    return (this.#etag ??= `"${createHash('sha512').update(JSON.stringify(this.object)).digest('hex').toUpperCase()}"`)
  }

  /** The document in one form. `parameters` follow the name of the form in what it says it is; then it has a tag too. */
  written(mediaType: MediaType, parameters = ''): Document {
    let document = this.#written.get(mediaType)
    if (document === undefined) {
      const contentType = `${contentTypeOf[mediaType]}${parameters}`
      const etag = parameters === '' ? undefined : this.etag
      document = new Document(encodeValue(this.object, mediaType, false), contentType, etag)
      this.#written.set(mediaType, document)
    }
    return document
  }
}

/** One version of a group: the kinds that are served here, or what another server says that it serves. */
interface ServedVersion {
  readonly version: string
  readonly kinds: readonly Kind[]
  readonly backend: Backend | undefined
}

/** What the server serves, as the documents that clients ask for. */
export class Discovery {
  readonly #source: Kinds
  readonly #registrations: Registrations
  readonly #serverAddress: string
  readonly #documents = new Map<string, DiscoveryDocument>()
  /** Groups, and the versions of each, in the order of documents. */
  #groups: ReadonlyMap<string, readonly ServedVersion[]> = new Map()
  #generations: readonly [number, number] = [-1, -1]

  constructor(kinds: Kinds, registrations: Registrations, serverAddress: string) {
    this.#source = kinds
    this.#registrations = registrations
    this.#serverAddress = serverAddress
  }

  get #served(): ReadonlyMap<string, readonly ServedVersion[]> {
    this.#refresh()
    return this.#groups
  }

  /** Sorts anew when anything has changed. */
  #refresh(): void {
    const [kinds, others] = this.#generations
    if (kinds === this.#source.generation && others === this.#registrations.generation) return
    this.#generations = [this.#source.generation, this.#registrations.generation]
    this.#documents.clear()
    this.#groups = servedGroups(this.#source, this.#registrations)
  }

  /** The document of this name, made when it is first asked for and kept until the kinds change. */
  #kept(name: string, make: () => object | undefined): DiscoveryDocument | undefined {
    this.#refresh()
    let document = this.#documents.get(name)
    if (document === undefined) {
      const made = make()
      // Any name can be asked for; only those that exist are kept.
      if (made === undefined) return undefined
      document = new DiscoveryDocument(made)
      this.#documents.set(name, document)
    }
    return document
  }

  /** The groups but for the core, in order. */
  groups(): string[] {
    return [...this.#served.keys()].filter((group) => group !== '')
  }

  versions(group: string): string[] {
    return (this.#served.get(group) ?? []).map(({ version }) => version)
  }

  /** What is at `/api`. */
  coreVersions(): DiscoveryDocument {
    return this.#kept('api', () => this.#coreVersions())!
  }

  /** What is at `/apis`. */
  groupList(): DiscoveryDocument {
    return this.#kept('apis', () => this.#groupList())!
  }

  /** One group; undefined when it is not served. */
  group(name: string): DiscoveryDocument | undefined {
    return this.#kept(`apis/${name}`, () => this.#groupDocument(name))
  }

  /** The resources of one version of a group; undefined when it is not served here. */
  resourceList(group: string, version: string): DiscoveryDocument | undefined {
    return this.#kept(`apis/${group}/${version}`, () => this.#resourceList(group, version))
  }

  /** Everything below `/api` or `/apis` in one document. */
  aggregated(root: 'api' | 'apis'): DiscoveryDocument {
    return this.#kept(`aggregated ${root}`, () => this.#aggregated(root))!
  }

  #coreVersions(): APIVersions {
    return {
      kind: 'APIVersions',
      apiVersion: 'v1',
      versions: this.versions(''),
      serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: this.#serverAddress }],
    }
  }

  #groupList(): APIGroupList {
    const groups = this.groups().map((name) => this.#group(name) as APIGroup)
    return { kind: 'APIGroupList', apiVersion: 'v1', groups }
  }

  #groupDocument(name: string): APIGroup | undefined {
    if (name === '' || !this.#served.has(name)) return undefined
    return { kind: 'APIGroup', apiVersion: 'v1', ...this.#group(name) }
  }

  #resourceList(group: string, version: string): APIResourceList | undefined {
    const { kinds = [] } = this.#served.get(group)?.find((each) => each.version === version) ?? {}
    if (kinds.length === 0) return undefined
    return {
      kind: 'APIResourceList',
      apiVersion: 'v1',
      groupVersion: group === '' ? version : `${group}/${version}`,
      resources: kinds.flatMap((kind) => [plainResource(kind), ...plainSubresources(kind)]),
    }
  }

  #aggregated(root: 'api' | 'apis'): APIGroupDiscoveryList {
    const groups = root === 'api' ? [''] : this.groups()
    return {
      kind: 'APIGroupDiscoveryList',
      apiVersion: 'apidiscovery.k8s.io/v2',
      metadata: {},
      items: groups.map((name) => this.#aggregatedGroup(name)),
    }
  }

  #aggregatedGroup(group: string): APIGroupDiscovery {
    return {
      metadata: (group === '' ? {} : { name: group }) as APIGroupDiscovery['metadata'],
      versions: (this.#served.get(group) ?? []).map(aggregatedVersion),
    } as APIGroupDiscovery
  }

  /** A group as a member of a list, where it does not say what it is. */
  #group(name: string): Omit<APIGroup, 'kind' | 'apiVersion'> {
    const versions = this.versions(name).map((version) => ({ groupVersion: `${name}/${version}`, version }))
    return { name, versions, preferredVersion: versions[0]! }
  }
}

function aggregatedVersion({ version, kinds, backend }: ServedVersion): APIVersionDiscovery {
  if (backend === undefined) return { version, resources: kinds.map(aggregatedResource), freshness: 'Current' }
  const { resources, freshness } = backend.documents
  return { version, ...(resources.length === 0 ? {} : { resources: [...resources] }), freshness }
}

/** Groups by their priority, versions by theirs; what another server is registered for is its own. */
function servedGroups(source: Kinds, registrations: Registrations): ReadonlyMap<string, readonly ServedVersion[]> {
  const versions = new Map<string, { readonly group: string; readonly version: string; readonly kinds: Kind[] }>()
  const versionOf = (group: string, version: string): Kind[] => {
    const key = `${version}.${group}`
    let known = versions.get(key)
    if (known === undefined) versions.set(key, (known = { group, version, kinds: [] }))
    return known.kinds
  }
  for (const kind of source.all()) {
    if (kind.custom?.isPublished === false) continue
    versionOf(kind.resource.group, kind.resource.version).push(kind)
  }
  for (const { group, version } of registrations.backends()) versionOf(group, version)
  const all = [...versions].map(([name, { group, version, kinds }]) => ({
    name,
    group,
    version,
    kinds: kinds.sort(({ resource: a }, { resource: b }) => (a.plural < b.plural ? -1 : 1)),
    backend: registrations.find(group, version),
    priority: registrations.priorityOf(group, version),
  }))
  // A group stands where the first of its versions does.
  all.sort((a, b) => b.priority.group - a.priority.group || (a.name < b.name ? -1 : 1))
  const groups = new Map<string, typeof all>()
  for (const each of all) {
    const known = groups.get(each.group)
    if (known === undefined) groups.set(each.group, [each])
    else known.push(each)
  }
  for (const each of groups.values()) {
    each.sort((a, b) => b.priority.version - a.priority.version || compareVersions(b.version, a.version))
  }
  return groups
}

/** The verbs of a kind, as a list for people to read. */
export function verbsOf({ strategy, custom }: Kind): string[] {
  // Those of custom kinds are in an order of their own.
  if (custom !== undefined) {
    const changing = custom.isEnding ? ['create', 'patch', 'update'] : []
    return (strategy.verbs ?? allVerbs).filter((verb) => !changing.includes(verb))
  }
  return strategy.verbs === undefined ? [...allVerbs] : [...strategy.verbs].sort()
}

function subresourceVerbs({ verbs }: Subresource, name: string): string[] {
  if (!verbs.includes('connect')) return [...verbs].sort()
  return name === 'proxy' ? ['create', 'delete', 'get', 'patch', 'update'] : ['create', 'get']
}

/** What travels through a subresource. */
export function subresourceKind(kind: Kind, name: string, { body }: Subresource): GroupVersionKind {
  const { group, version, plural } = kind.resource
  const connect = connectKinds[`${plural}/${name}`]
  if (connect !== undefined) return { group, version, kind: connect }
  return body ?? { group, version, kind: kind.resource.kind }
}

function sortedSubresources({ strategy, custom }: Kind): [string, Subresource][] {
  if (custom !== undefined) return Object.entries(strategy.subresources ?? {})
  return Object.entries(strategy.subresources ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1))
}

function plainResource(kind: Kind): APIResource {
  const { resource } = kind
  const verbs = verbsOf(kind)
  return {
    name: resource.plural,
    singularName: resource.singular,
    namespaced: resource.scope === 'Namespaced',
    kind: resource.kind,
    verbs,
    ...(resource.shortNames === undefined ? {} : { shortNames: [...resource.shortNames] }),
    ...(resource.categories === undefined ? {} : { categories: [...resource.categories] }),
    ...(verbs.includes('watch') ? { storageVersionHash: storageVersionHash(kind) } : {}),
  }
}

function plainSubresources(kind: Kind): APIResource[] {
  const { plural, scope, group, version } = kind.resource
  return sortedSubresources(kind).map(([name, rules]) => {
    const own = subresourceKind(kind, name, rules)
    const isForeign = own.group !== group || own.version !== version
    return {
      name: `${plural}/${name}`,
      singularName: '',
      namespaced: scope === 'Namespaced',
      ...(isForeign ? { group: own.group, version: own.version } : {}),
      kind: own.kind,
      verbs: subresourceVerbs(rules, name),
    }
  })
}

function aggregatedResource(kind: Kind): APIResourceDiscovery {
  const { resource } = kind
  const { group, version } = resource
  const subresources = sortedSubresources(kind).map(([name, rules]): APISubresourceDiscovery => ({
    subresource: name,
    responseKind: subresourceKind(kind, name, rules),
    verbs: subresourceVerbs(rules, name),
  }))
  return {
    resource: resource.plural,
    responseKind: { group, version, kind: resource.kind },
    scope: resource.scope === 'Namespaced' ? 'Namespaced' : 'Cluster',
    singularResource: resource.singular,
    verbs: verbsOf(kind),
    ...(resource.shortNames === undefined ? {} : { shortNames: [...resource.shortNames] }),
    ...(resource.categories === undefined ? {} : { categories: [...resource.categories] }),
    ...(subresources.length === 0 ? {} : { subresources }),
  }
}

/** Names the form in which a kind is stored, so that migrations can tell forms apart. */
function storageVersionHash(served: Kind): string {
  const { group, version: own, kind } = storedKind(served).resource
  const version = served.custom?.storageVersion ?? own
  return createHash('sha256').update(`${group}/${version}/${kind}`).digest().subarray(0, 8).toString('base64')
}

import { createHash } from 'node:crypto'
import type {
  APIGroupDiscovery,
  APIGroupDiscoveryList,
  APIResourceDiscovery,
  APISubresourceDiscovery,
} from '#api/apidiscovery/v2/discovery.ts'
import type { APIGroup, APIGroupList, APIResource, APIResourceList, APIVersions } from '#api/meta/v1/discovery.ts'
import { deepFreeze } from '#lib/encoding/deepFreeze.ts'
import { contentTypeOf, type MediaType } from '#machinery/codec/negotiate.ts'
import type { GroupVersionKind } from '#machinery/schema/model.ts'
import { encodeValue } from '../encode/reply.ts'
import type { Kind, Kinds } from '../kind.ts'
import { Document } from './document.ts'
import { compareVersions } from '#machinery/versions.ts'
import type { Subresource } from '../strategy.ts'
import { storedKind } from '../versions.ts'

/** Groups in the order in which servers list them; others follow by name. */
const groupOrder = [
  '',
  'apiregistration.k8s.io',
  'apps',
  'events.k8s.io',
  'authentication.k8s.io',
  'authorization.k8s.io',
  'autoscaling',
  'batch',
  'certificates.k8s.io',
  'networking.k8s.io',
  'policy',
  'rbac.authorization.k8s.io',
  'storage.k8s.io',
  'admissionregistration.k8s.io',
  'apiextensions.k8s.io',
  'scheduling.k8s.io',
  'coordination.k8s.io',
  'node.k8s.io',
  'discovery.k8s.io',
  'resource.k8s.io',
  'flowcontrol.apiserver.k8s.io',
]

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

/** What the server serves, as the documents that clients ask for. */
export class Discovery {
  readonly #source: Kinds
  readonly #serverAddress: string
  readonly #documents = new Map<string, DiscoveryDocument>()
  #sorted: readonly Kind[] = []
  #generation = -1

  constructor(kinds: Kinds, serverAddress: string) {
    this.#source = kinds
    this.#serverAddress = serverAddress
  }

  /** All kinds in the order of documents, sorted anew when they have changed. */
  get #kinds(): readonly Kind[] {
    this.#refresh()
    return this.#sorted
  }

  #refresh(): void {
    if (this.#generation === this.#source.generation) return
    this.#generation = this.#source.generation
    this.#documents.clear()
    this.#sorted = this.#source
      .all()
      .filter(({ custom }) => custom?.isPublished !== false)
      .toSorted(compareKinds)
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
    return [...new Set(this.#kinds.map(({ resource }) => resource.group))].filter((group) => group !== '')
  }

  versions(group: string): string[] {
    return [...new Set(this.#of(group).map(({ resource }) => resource.version))]
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

  /** The resources of one version of a group; undefined when it is not served. */
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
    if (name === '' || this.#of(name).length === 0) return undefined
    return { kind: 'APIGroup', apiVersion: 'v1', ...this.#group(name) }
  }

  #resourceList(group: string, version: string): APIResourceList | undefined {
    const kinds = this.#of(group).filter(({ resource }) => resource.version === version)
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
      versions: this.versions(group).map((version) => ({
        version,
        resources: this.#of(group)
          .filter(({ resource }) => resource.version === version)
          .map(aggregatedResource),
        freshness: 'Current' as const,
      })),
    } as APIGroupDiscovery
  }

  #of(group: string): readonly Kind[] {
    return this.#kinds.filter(({ resource }) => resource.group === group)
  }

  /** A group as a member of a list, where it does not say what it is. */
  #group(name: string): Omit<APIGroup, 'kind' | 'apiVersion'> {
    const versions = this.versions(name).map((version) => ({ groupVersion: `${name}/${version}`, version }))
    return { name, versions, preferredVersion: versions[0]! }
  }
}

function compareKinds({ resource: a }: Kind, { resource: b }: Kind): number {
  return compareGroups(a.group, b.group) || compareVersions(b.version, a.version) || (a.plural < b.plural ? -1 : 1)
}

function compareGroups(a: string, b: string): number {
  const [left, right] = [groupOrder.indexOf(a), groupOrder.indexOf(b)]
  if (left !== right) return (left < 0 ? Infinity : left) - (right < 0 ? Infinity : right)
  return a < b ? -1 : a > b ? 1 : 0
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

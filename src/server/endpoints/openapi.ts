import { createHash } from 'node:crypto'
import { parseAccept } from '#machinery/codec/negotiate.ts'
import { descriptions } from '#machinery/schema/load.ts'
import type { JsonObject } from '#machinery/schema/model.ts'
import type { ServedResource } from '#machinery/schema/openapiModel.ts'
import { encodeOpenApiV2, openApiProtobufType, openApiProtobufTypes } from '#machinery/schema/openapiProtobuf.ts'
import { encodeOpenApiV3, openApiV3ProtobufType, openApiV3ProtobufTypes } from '#machinery/schema/openapiProtobufV3.ts'
import { documentOf } from '#machinery/schema/openapiPaths.ts'
import { openApiV2 } from '#machinery/schema/openapiV2.ts'
import { openApiV3, openApiV3Index } from '#machinery/schema/openapiV3.ts'
import type { Exchange } from '../exchange.ts'
import { Document, documentReply } from './document.ts'
import type { Backend } from '../extensions/aggregation/backend.ts'
import { toOpenApiV3 } from '../extensions/aggregation/openApiConversion.ts'
import { withParts, type OpenApiPart } from '../extensions/aggregation/openApiPart.ts'
import { passOn } from '../extensions/aggregation/passOn.ts'
import type { Registrations } from '../extensions/aggregation/registrations.ts'
import type { Kind, Kinds } from '../kind.ts'
import type { ServerReply } from '../request.ts'
import { subresourceKind, verbsOf } from './discovery.ts'
import { kubernetesVersion } from '#machinery/kubernetesVersion.ts'

/** The OpenAPI documents of the served kinds. Each is made when it is first asked for, and kept. */
export class OpenApiDocuments {
  readonly #kinds: Kinds
  readonly #documents = new Map<string, Promise<Document | undefined>>()
  /** By the names of documents. */
  readonly #hashes = new Map<string, string>()
  readonly #registrations: Registrations
  #described: readonly ServedResource[] = []
  #generations: readonly [number, number] = [-1, -1]

  constructor(kinds: Kinds, registrations: Registrations) {
    this.#kinds = kinds
    this.#registrations = registrations
  }

  /** What is served. Documents of kinds that are served no more, or otherwise, are forgotten. */
  get #served(): readonly ServedResource[] {
    this.#refresh()
    return this.#described
  }

  #refresh(): void {
    const [kinds, others] = this.#generations
    if (kinds === this.#kinds.generation && others === this.#registrations.generation) return
    this.#generations = [this.#kinds.generation, this.#registrations.generation]
    this.#described = this.#kinds
      .all()
      .filter(({ custom }) => custom?.isPublished !== false)
      .filter(({ resource }) => this.#registrations.find(resource.group, resource.version) === undefined)
      .map(servedResource)
    const before = new Map(this.#hashes)
    this.#hashes.clear()
    // Kinds that come and go are in one group each: the documents of all others stay.
    for (const name of this.#documents.keys()) {
      const part = partNamed(name)
      if (part === name || before.get(part) !== this.hashOf(part)) this.#documents.delete(name)
    }
  }

  /** Everything in one document of version 2. */
  whole(): Promise<Document> {
    return this.#document('v2', () => this.#whole(), writeJson)
  }

  /** The same in protobuf, the only form that client-go takes. */
  wholeInProtobuf(): Promise<Document> {
    return this.#document(
      'v2 protobuf',
      () => this.#wholeEncoded(),
      (bytes) => writeProtobuf(bytes, openApiProtobufType),
    )
  }

  /** What others say may not fit into the form of protobuf; then they are left out. */
  async #wholeEncoded(): Promise<Uint8Array> {
    try {
      return encodeOpenApiV2(await this.#whole())
    } catch (error) {
      if (this.#parts().length === 0) throw error
      return encodeOpenApiV2(await this.#own())
    }
  }

  /** The list of the documents of version 3. */
  index(): Promise<Document> {
    return this.#document('v3', async () => this.#index(), writeJson)
  }

  /** One document of version 3, such as `apis/apps/v1`; undefined when there is none of this name. */
  part(name: string): Promise<Document | undefined> {
    const make = async (): Promise<object | undefined> => {
      const converted = this.#convertible(name)
      const document =
        converted === undefined
          ? openApiV3(name, this.#served, await descriptions(), kubernetesVersion)
          : toOpenApiV3(converted)
      if (document !== undefined) this.hashOf(name)
      return document
    }
    return this.#document(`v3/${name}`, make, writeJson)
  }

  /** The same in protobuf; what other servers say has no such form. */
  partInProtobuf(name: string): Promise<Document | undefined> {
    if (this.#convertible(name) !== undefined) return Promise.resolve(undefined)
    const make = async (): Promise<Uint8Array | undefined> => {
      const document = openApiV3(name, this.#served, await descriptions(), kubernetesVersion)
      if (document === undefined) return undefined
      this.hashOf(name)
      return encodeOpenApiV3(document)
    }
    return this.#document(`v3 protobuf/${name}`, make, (bytes) => writeProtobuf(bytes, openApiV3ProtobufType))
  }

  /** Changes whenever a document might: clients keep documents under it. */
  hashOf(name: string): string {
    this.#refresh()
    let known = this.#hashes.get(name)
    if (known === undefined) {
      const part = this.#convertible(name) ?? this.#described.filter(({ kind }) => documentOf(kind) === name)
      known = hash(`${kubernetesVersion} ${name} ${JSON.stringify(part)}`)
      this.#hashes.set(name, known)
    }
    return known
  }

  /** Where another server has its own document of version 3, under the name of the one that is asked for here. */
  backendOf(name: string): Backend | undefined {
    const backend = this.#findBackend(name)
    return backend?.documents.openApiV3 === undefined ? undefined : backend
  }

  #findBackend(name: string): Backend | undefined {
    const [root, group = '', version = ''] = name.split('/')
    return root === 'apis' ? this.#registrations.find(group, version) : undefined
  }

  /** What another server only says in a document of version 2. */
  #convertible(name: string): OpenApiPart | undefined {
    const { openApiV3: own, openApiV2: older } = this.#findBackend(name)?.documents ?? {}
    return own === undefined ? older?.part : undefined
  }

  #index(): JsonObject {
    const { paths } = openApiV3Index(this.#served, (name) => this.hashOf(name)) as { readonly paths: JsonObject }
    const all = { ...paths }
    for (const { group, version, documents } of this.#registrations.backends()) {
      const name = `apis/${group}/${version}`
      if (documents.openApiV3 !== undefined) all[name] = { serverRelativeURL: documents.openApiV3 }
      else if (documents.openApiV2 !== undefined) {
        all[name] = { serverRelativeURL: `/openapi/v3/${name}?hash=${this.hashOf(name)}` }
      }
    }
    return { paths: Object.fromEntries(Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1))) }
  }

  async #whole(): Promise<JsonObject> {
    return withParts(await this.#own(), this.#parts())
  }

  async #own(): Promise<JsonObject> {
    return openApiV2(this.#served, await descriptions(), kubernetesVersion)
  }

  #parts(): readonly OpenApiPart[] {
    return this.#registrations.backends().flatMap(({ documents }) => documents.openApiV2?.part ?? [])
  }

  #document<T extends object>(
    name: string,
    make: () => Promise<T>,
    write: (value: T) => readonly [bytes: Buffer, contentType: string],
  ): Promise<Document>
  #document<T extends object>(
    name: string,
    make: () => Promise<T | undefined>,
    write: (value: T) => readonly [bytes: Buffer, contentType: string],
  ): Promise<Document | undefined>
  #document<T extends object>(
    name: string,
    make: () => Promise<T | undefined>,
    write: (value: T) => readonly [bytes: Buffer, contentType: string],
  ): Promise<Document | undefined> {
    this.#refresh()
    let document = this.#documents.get(name)
    if (document === undefined) {
      document = make().then((value) => {
        if (value === undefined) {
          // Any name can be asked for; only those that exist are kept.
          this.#documents.delete(name)
          return undefined
        }
        const [bytes, contentType] = write(value)
        // What is named by a hash is tagged with it.
        return new Document(bytes, contentType, `"${this.#hashes.get(partNamed(name)) ?? hash(bytes)}"`)
      })
      this.#documents.set(name, document)
    }
    return document
  }
}

/** The name that a document of version 3 has for clients. */
function partNamed(name: string): string {
  return name.replace(/^v3( protobuf)?\//, '')
}

function writeJson(value: object): readonly [Buffer, string] {
  return [Buffer.from(JSON.stringify(value)), 'application/json']
}

function writeProtobuf(bytes: Uint8Array, contentType: string): readonly [Buffer, string] {
  return [Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), contentType]
}

function hash(data: string | Buffer): string {
  return createHash('sha512').update(data).digest('hex').toUpperCase()
}

function servedResource(kind: Kind): ServedResource {
  const { resource, strategy } = kind
  const { group, version, kind: name } = resource
  return {
    kind: { group, version, kind: name },
    plural: resource.plural,
    scope: resource.scope,
    verbs: verbsOf(kind),
    answersDeleted: strategy.answersDeleted === true,
    ...(kind.custom === undefined ? {} : { custom: kind.custom.document }),
    subresources: Object.entries(strategy.subresources ?? {}).map(([subresource, rules]) => ({
      name: subresource,
      kind: subresourceKind(kind, subresource, rules),
      verbs: rules.verbs,
    })),
  }
}

/** Answers `/openapi/v2` and what is below `/openapi/v3`. */
export async function openApiEndpoint(exchange: Exchange, rest: readonly string[]): Promise<ServerReply | undefined> {
  const { server, request } = exchange
  const { openApi } = server
  const [version, ...parts] = rest
  if (version === 'v2' && parts.length === 0) {
    const accept = request.header('accept')
    const isProtobuf = prefersOne(accept, openApiProtobufTypes)
    if (!isProtobuf && !acceptsJson(accept)) return refusal()
    const document = await (isProtobuf ? openApi.wholeInProtobuf() : openApi.whole())
    return documentReply(request, document, byAccept, compressAbove)
  }
  if (version !== 'v3') return undefined
  const accept = request.header('accept')
  const name = parts.join('/')
  const isProtobuf = parts.length > 0 && prefersOne(accept, openApiV3ProtobufTypes)
  if (!isProtobuf && !acceptsJson(accept)) return refusal()
  if (parts.length === 0) return documentReply(request, await openApi.index(), byAccept, compressAbove)
  const backend = openApi.backendOf(name)
  if (backend !== undefined) return passOn(exchange, backend)
  const document = await (isProtobuf ? openApi.partInProtobuf(name) : openApi.part(name))
  if (document === undefined) return undefined
  const asked = request.query.get('hash')
  if (asked === null || asked === '') return documentReply(request, document, byAccept, compressAbove)
  const now = openApi.hashOf(name)
  if (asked === now) {
    // What is under this address never changes.
    const expires = new Date(server.registry.clock.now() + 365 * 86_400_000).toUTCString()
    const headers = { ...byAccept, 'cache-control': 'public, immutable', expires }
    return documentReply(request, document, headers, compressAbove)
  }
  return {
    type: 'bytes',
    code: 301,
    contentType: document.contentType,
    bytes: Buffer.alloc(0),
    headers: { ...byAccept, location: `/openapi/v3/${name}?hash=${now}`, etag: document.etag! },
  }
}

const byAccept = { vary: 'Accept' }

/** Documents longer than this, in bytes, are compressed: most of each repeats. */
const compressAbove = 1_400

/** Whether the form in protobuf is asked for first. Its older name is no valid media type, so names are compared as text. */
function prefersOne(accept: string | undefined, types: readonly string[]): boolean {
  const first = accept?.split(/[,;]/)[0]?.trim() ?? ''
  return types.includes(first)
}

function acceptsJson(accept: string | undefined): boolean {
  if (accept === undefined || accept === '') return true
  return parseAccept(accept).some(({ quality, type }) => quality > 0 && /^(application\/(json|\*)|\*\/\*)$/.test(type))
}

function refusal(): ServerReply {
  return { type: 'bytes', code: 406, contentType: '', bytes: Buffer.alloc(0) }
}

import type { ListMeta } from '#api/meta/v1/list.ts'
import type { Table } from '#api/meta/v1/table.ts'
import { apiVersionOf, type KubeObject } from '#api/resource.ts'
import type { Accepted } from '#machinery/codec/negotiate.ts'
import { badRequest, failure } from '#machinery/status.ts'
import type { Kind } from './kind.ts'
import type { Query } from './options.ts'
import type { ServerReply } from './request.ts'
import { partialMetadata, tableFrame, tableRow, type IncludeObject } from './table.ts'

/** Turns objects into what the client asked for instead of them: a table, or their metadata alone. */
export interface Transformation {
  one(object: KubeObject): object
  /** One object of a watch. Only the first one of a table says what the columns are. */
  event(object: KubeObject): object
  /** The object of a bookmark, from the one that it would have as it is. */
  bookmark(object: KubeObject): object
  /** The page of a list without its content, which belongs into `member`. */
  frame(metadata: ListMeta): object
  readonly member: 'items' | 'rows'
  /** One object of a page. */
  item(object: KubeObject): object
}

/** The transformation of a request; undefined when the client wants objects as they are. */
export function transformationOf(
  kind: Kind,
  reply: ServerReply,
  query: Query,
  now: () => number,
): Transformation | undefined {
  const as = reply.wanted?.as
  if (as === undefined) return undefined
  return as.kind === 'Table' ? asTable(kind, as.version, includeObject(query), now) : asMetadata(as.version)
}

function asTable(kind: Kind, version: string, include: IncludeObject, now: () => number): Transformation {
  let first = true
  const item = (object: KubeObject): object => tableRow(kind, object, version, include, now())
  const one = (object: KubeObject, includes = include): Table => {
    const { resourceVersion } = object.metadata
    const frame = tableFrame(kind, resourceVersion === undefined ? {} : { resourceVersion }, version)
    return { ...frame, rows: [tableRow(kind, object, version, includes, now())] }
  }
  const event = (object: KubeObject, includes = include): Table => {
    const table = one(object, includes)
    if (first) first = false
    else table.columnDefinitions = null as unknown as Table['columnDefinitions']
    return table
  }
  return {
    one: (object) => one(object),
    event: (object) => event(object),
    bookmark(object) {
      // The mark at the end of the initial events is on the object: it is there even when objects are not wanted.
      const isMarked = object.metadata.annotations !== undefined
      return event(object, isMarked && include === 'None' ? 'Metadata' : include)
    },
    frame: (metadata) => tableFrame(kind, metadata, version),
    member: 'rows',
    item,
  }
}

function asMetadata(version: string): Transformation {
  const item = (object: KubeObject): KubeObject => partialMetadata(object, version)
  return {
    one: item,
    event: item,
    bookmark: item,
    frame: (metadata) => ({
      kind: 'PartialObjectMetadataList',
      apiVersion: `meta.k8s.io/${version}`,
      metadata,
      items: [],
    }),
    member: 'items',
    item,
  }
}

/** What the rows of a table are to carry; nonsense is answered 400. */
export function includeObject(query: Query): IncludeObject {
  const text = query.get('includeObject') ?? ''
  if (text === '') return 'Metadata'
  if (text === 'None' || text === 'Metadata' || text === 'Object') return text
  throw badRequest(
    `Unable to convert to Table as requested: includeObject: Invalid value: ${JSON.stringify(text)}: must be 'Metadata', 'Object', 'None', or empty`,
  )
}

/** Refuses to show a list as one object's metadata, or one object's as a list: which of both it is shows in the reply. */
export function checkTransformation(kind: Kind, type: 'stored' | 'list', as: Accepted['as']): void {
  if (as === undefined || as.kind === 'Table') return
  const isList = type === 'list'
  if (isList === (as.kind === 'PartialObjectMetadataList')) return
  const what = isList ? 'a list' : 'not a list'
  throw failure(
    'NotAcceptable',
    `you requested ${as.kind}, but the requested object is ${what} (${goType(kind, isList)})`,
  )
}

/** What upstream calls the type in which it holds objects of a kind. */
function goType({ resource, custom }: Kind, isList: boolean): string {
  if (custom !== undefined) return isList ? '*unstructured.UnstructuredList' : '*unstructured.Unstructured'
  const { group, kind } = resource
  const known = Object.hasOwn(goPackages, group) ? goPackages[group] : undefined
  return `*${known ?? group.split('.')[0]}.${kind}${isList ? 'List' : ''}`
}

/** Upstream's packages that are not called as the first part of their group. */
const goPackages: Readonly<Record<string, string>> = {
  '': 'core',
  'events.k8s.io': 'core',
  'internal.apiserver.k8s.io': 'apiserverinternal',
}

/** The kind of a list as it travels: `PodList` in `v1`. */
export function listKind(kind: Kind): { readonly kind: string; readonly apiVersion: string } {
  return { kind: `${kind.resource.kind}List`, apiVersion: apiVersionOf(kind.resource) }
}

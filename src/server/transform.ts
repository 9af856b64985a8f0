import type { ListMeta } from '#api/meta/v1/list.ts'
import type { Table } from '#api/meta/v1/table.ts'
import { apiVersionOf, type KubeObject } from '#api/resource.ts'
import { badRequest } from '#machinery/status.ts'
import type { Kind } from './kind.ts'
import type { Query } from './options.ts'
import type { ServerReply } from './request.ts'
import { partialMetadata, tableFrame, tableRow, type IncludeObject } from './table.ts'

/** Turns objects into what the client asked for instead of them: a table, or their metadata alone. */
export interface Transformation {
  one(object: KubeObject): object
  /** One object of a watch. Only the first one of a table says what the columns are. */
  event(object: KubeObject): object
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
  const one = (object: KubeObject): Table => {
    const { resourceVersion } = object.metadata
    const frame = tableFrame(kind, resourceVersion === undefined ? {} : { resourceVersion }, version)
    return { ...frame, rows: [tableRow(kind, object, version, include, now())] }
  }
  return {
    one,
    event(object) {
      const table = one(object)
      if (first) first = false
      else table.columnDefinitions = null as unknown as Table['columnDefinitions']
      return table
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
  throw badRequest(`unrecognized includeObject value: "${text}"`)
}

/** The kind of a list as it travels: `PodList` in `v1`. */
export function listKind(kind: Kind): { readonly kind: string; readonly apiVersion: string } {
  return { kind: `${kind.resource.kind}List`, apiVersion: apiVersionOf(kind.resource) }
}

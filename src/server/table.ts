import type { KubeObject } from '#api/resource.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { Table, TableColumnDefinition, TableRow } from '#api/meta/v1/table.ts'
import type { Kind } from './kind.ts'
import type { Column } from './strategy.ts'

// Objects as tables: the columns of `kubectl get` are computed here, so that every client prints the same.

/** What a row carries of its object beside the cells. */
export type IncludeObject = 'None' | 'Metadata' | 'Object'

/** The columns of kinds that have none of their own. */
const defaultColumns: readonly Column[] = [
  {
    name: 'Name',
    format: 'name',
    description: 'Name of the object; unique in its namespace and fixed when the object is created.',
    value: (object) => object.metadata.name,
  },
  {
    name: 'Created At',
    type: 'date',
    description: 'When the object was created.',
    value: (object) => object.metadata.creationTimestamp ?? '',
  },
]

function columnsOf(kind: Kind): readonly Column<never>[] {
  return (kind.strategy.columns ?? defaultColumns) as readonly Column<never>[]
}

/** A table without rows. */
export function tableFrame(kind: Kind, metadata: ListMeta, version: string): Table {
  return {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${version}`,
    metadata,
    columnDefinitions: columnsOf(kind).map(definitionOf),
    rows: [],
  }
}

function definitionOf(column: Column<never>): TableColumnDefinition {
  return {
    name: column.name,
    type: column.type ?? 'string',
    format: column.format ?? '',
    description: column.description,
    priority: column.priority ?? (column.wide === true ? 1 : 0),
  }
}

/** One object as the row that `kubectl get` prints. `now` is in milliseconds since the epoch. */
export function tableRow(
  kind: Kind,
  object: KubeObject,
  version: string,
  include: IncludeObject,
  now: number,
): TableRow {
  // Only custom kinds tell absent values from empty ones.
  const absent = kind.custom === undefined ? '' : null
  const cells = columnsOf(kind).map((column) => column.value(object as never, now) ?? absent)
  if (include === 'None') return { cells }
  return {
    cells,
    object: (include === 'Object' ? object : partialMetadata(object, version)) as unknown as Record<string, unknown>,
  }
}

/** The metadata of an object and nothing else. */
export function partialMetadata(object: KubeObject, version: string): KubeObject {
  return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}`, metadata: object.metadata }
}

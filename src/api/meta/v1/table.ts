// Objects as rows of text, which is how clients that know nothing of a kind print it.
import type { RawExtension, int32 } from '#api/scalars.ts'
import type { ListMeta } from './list.ts'
import type { TypeMeta } from './objectMeta.ts'

/** Objects as rows, with the columns that the server chose. */
export interface Table extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ListMeta
  /** What the cells of each row are, in order. */
  columnDefinitions: TableColumnDefinition[]
  /** One for each object. */
  rows: TableRow[]
}

/** One column of a table. */
export interface TableColumnDefinition {
  /** The heading. */
  name: string
  /** The type of the cells, such as `string` or `integer`. */
  type: string
  /** Refines the type, such as `name` or `date-time`; often empty. */
  format: string
  /** What the column shows. */
  description: string
  /** 0 for columns that are always shown; higher ones are left out when space is short. */
  priority: int32
}

/** One object as a row. */
export interface TableRow {
  /** One value for each column. */
  cells: unknown[]
  /** What is special about the row. */
  conditions?: TableRowCondition[]
  /** The object, or its metadata, as was asked for. */
  object?: RawExtension
}

/** Something special about a row. */
export interface TableRowCondition {
  /** `Completed` when the object has run to its end. */
  type: string
  /** Whether it holds: `True`, `False` or `Unknown`. */
  status: string
  /** Why, in one word. */
  reason?: string
  /** Why, for people. */
  message?: string
}

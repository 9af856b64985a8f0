import type { RawExtension, int32 } from '#api/scalars.ts'
import type { ListMeta } from './list.ts'
import type { TypeMeta } from './objectMeta.ts'

export interface Table extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ListMeta
  columnDefinitions: TableColumnDefinition[]
  rows: TableRow[]
}

export interface TableColumnDefinition {
  name: string
  type: string
  format: string
  description: string
  priority: int32
}

export interface TableRow {
  cells: unknown[]
  conditions?: TableRowCondition[]
  object?: RawExtension
}

export interface TableRowCondition {
  /** Names what the condition is about. */
  type: string
  /** Whether it holds. */
  status: string
  /** One word in CamelCase that says why `status` is what it is, for programs. */
  reason?: string
  /** Why `status` is what it is, for people. */
  message?: string
}

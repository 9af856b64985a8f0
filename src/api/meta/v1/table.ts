import type { RawExtension, int32 } from '#api/scalars.ts'
import type { ListMeta } from './list.ts'
import type { TypeMeta } from './objectMeta.ts'

export interface Table extends TypeMeta {
  /** @optional */
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
  type: string
  status: string
  reason?: string
  message?: string
}

import { resource } from '#api/resource.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { Bytes } from '#api/scalars.ts'

export interface Secret extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  immutable?: boolean
  data?: Record<string, Bytes>
  stringData?: Record<string, string>
  /** @default Opaque */
  type?: string
}

export const secrets = resource<Secret>({
  group: '',
  version: 'v1',
  kind: 'Secret',
  plural: 'secrets',
  scope: 'Namespaced',
})

/** Several objects of kind Secret, as a list request returns them. */
export interface SecretList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: Secret[]
}

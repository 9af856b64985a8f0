// Secrets: settings that few may see.
import { resource } from '#api/resource.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { Bytes } from '#api/scalars.ts'

/** Passwords, keys and other entries that few may see; at most one megabyte. */
export interface Secret extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** Forbids all changes of the entries, for good. */
  immutable?: boolean
  /** The entries in base64; keys of letters, digits, `-`, `_` and `.`. */
  data?: Record<string, Bytes>
  /** Entries as text; written over `data` and never returned. */
  stringData?: Record<string, string>
  /** What the entries are for; some types ask for certain keys. @default Opaque */
  type?: string
}

/** The kind Secret as it is addressed: `secrets`. */
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

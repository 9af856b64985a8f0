// ConfigMaps: settings by name.
import { resource } from '#api/resource.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { Bytes } from '#api/scalars.ts'

/** Settings by name that pods can read; at most one megabyte. */
export interface ConfigMap extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** Forbids all changes of the entries, for good. */
  immutable?: boolean
  /** Entries with text; keys of letters, digits, `-`, `_` and `.`. */
  data?: Record<string, string>
  /** Entries with arbitrary bytes; no key may also be in `data`. */
  binaryData?: Record<string, Bytes>
}

/** The kind ConfigMap as it is addressed: `configmaps`. */
export const configMaps = resource<ConfigMap>({
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  scope: 'Namespaced',
  shortNames: ['cm'],
})

/** Several objects of kind ConfigMap, as a list request returns them. */
export interface ConfigMapList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: ConfigMap[]
}

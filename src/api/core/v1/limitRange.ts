// Limit ranges: bounds and defaults for single objects of a namespace.
import { resource } from '#api/resource.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { ResourceList } from './container.ts'

/** Bounds and defaults for what single objects of a namespace may use. */
export interface LimitRange extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** The bounds. @default {} @optional */
  spec: LimitRangeSpec
}

/** The kind LimitRange as it is addressed: `limitranges`. */
export const limitRanges = resource<LimitRange>({
  group: '',
  version: 'v1',
  kind: 'LimitRange',
  plural: 'limitranges',
  scope: 'Namespaced',
  shortNames: ['limits'],
})

/** Bounds by sort of object. */
export interface LimitRangeSpec {
  /** One entry for each sort of object. */
  limits: LimitRangeItem[] | null
}

/** Bounds and defaults for one sort of object. */
export interface LimitRangeItem {
  /** `Pod`, `Container` or `PersistentVolumeClaim`. */
  type: string
  /** The most for each resource. */
  max?: ResourceList
  /** The least for each resource. */
  min?: ResourceList
  /** Limits for containers that set none. */
  default?: ResourceList
  /** Requests for containers that set none. */
  defaultRequest?: ResourceList
  /** The most that a limit may be, as a multiple of the request. */
  maxLimitRequestRatio?: ResourceList
}

/** Several objects of kind LimitRange, as a list request returns them. */
export interface LimitRangeList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: LimitRange[]
}

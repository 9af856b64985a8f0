// The pod as a template, from which controllers make pods.
import { resource } from '#api/resource.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { PodSpec } from './pod.ts'

/** A pod template that is stored for later use. */
export interface PodTemplate extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** The pod to make. @default {} @optional */
  template: PodTemplateSpec
}

/** The kind PodTemplate as it is addressed: `podtemplates`. */
export const podTemplates = resource<PodTemplate>({
  group: '',
  version: 'v1',
  kind: 'PodTemplate',
  plural: 'podtemplates',
  scope: 'Namespaced',
})

/** What a controller copies into each pod that it makes. */
export interface PodTemplateSpec {
  /** Labels and annotations of the pods. @default {} */
  metadata?: Partial<ObjectMeta>
  /** What the pods run. @default {} @optional */
  spec: PodSpec
}

/** Several objects of kind PodTemplate, as a list request returns them. */
export interface PodTemplateList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: PodTemplate[]
}

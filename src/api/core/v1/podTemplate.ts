import { resource } from '#api/resource.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { PodSpec } from './pod.ts'

export interface PodTemplate extends TypeMeta {
  /** @optional */
  metadata: ObjectMeta
  /** @optional */
  template: PodTemplateSpec
}

export const podTemplates = resource<PodTemplate>({
  group: '',
  version: 'v1',
  kind: 'PodTemplate',
  plural: 'podtemplates',
  scope: 'Namespaced',
})

export interface PodTemplateSpec {
  metadata?: Partial<ObjectMeta>
  /** @optional */
  spec: PodSpec
}

/** Several objects of kind PodTemplate, as a list request returns them. */
export interface PodTemplateList extends TypeMeta {
  /** @optional */
  metadata: ListMeta
  /** The objects, in the order of their keys. */
  items: PodTemplate[]
}

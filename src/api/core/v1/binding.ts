// Bindings: how the scheduler says which node a pod goes to.
import { resource } from '#api/resource.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { ObjectReference } from './reference.ts'

/** Puts a pod on a node; only written to the `binding` subresource of the pod. */
export interface Binding extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** The node. @default {} */
  target: ObjectReference
}

/** The kind Binding as it is addressed: `bindings`. */
export const bindings = resource<Binding>({
  group: '',
  version: 'v1',
  kind: 'Binding',
  plural: 'bindings',
  scope: 'Namespaced',
})

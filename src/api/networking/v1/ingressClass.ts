// Ingress classes: which controller serves an ingress.
import { resource } from '#api/resource.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'

/** Names a controller that serves ingresses; the annotation `ingressclass.kubernetes.io/is-default-class` makes it the default. */
export interface IngressClass extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** The controller, and what it should know. @default {} @optional */
  spec: IngressClassSpec
}

/** The kind IngressClass as it is addressed: `ingressclasses` of networking.k8s.io. */
export const ingressClasses = resource<IngressClass>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'IngressClass',
  plural: 'ingressclasses',
  scope: 'Cluster',
})

/** The controller of a class, and what it should know. */
export interface IngressClassSpec {
  /** The controller, such as `acme.io/ingress-controller`; cannot be changed. */
  controller?: string
  /** An object with further settings for the controller. */
  parameters?: IngressClassParametersReference
}

/** Points to an object with settings for a controller. */
export interface IngressClassParametersReference {
  /** Group of the kind; absent for the core group. */
  apiGroup?: string
  /** Kind of the object. */
  kind: string
  /** Name of the object. */
  name: string
  /** Whether the object is in a namespace or not; `Cluster` when absent. */
  scope?: IngressClassParametersReferenceScope
  /** Its namespace, with scope `Namespace`. */
  namespace?: string
}

/** Several objects of kind IngressClass, as a list request returns them. */
export interface IngressClassList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by name. */
  items: IngressClass[]
}

/** An object of the whole cluster, or of a namespace. @unlisted */
export type IngressClassParametersReferenceScope = 'Cluster' | 'Namespace'

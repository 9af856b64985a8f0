// Service accounts: as whom pods talk to the API.
import { resource } from '#api/resource.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { LocalObjectReference, ObjectReference } from './reference.ts'

/** An identity for pods. */
export interface ServiceAccount extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** Secrets that its pods may use, when an annotation enforces it. @listMap name */
  secrets?: ObjectReference[]
  /** Secrets with registry credentials that its pods get. */
  imagePullSecrets?: LocalObjectReference[]
  /** Whether its pods get a token unless they say otherwise. */
  automountServiceAccountToken?: boolean
}

/** The kind ServiceAccount as it is addressed: `serviceaccounts`. */
export const serviceAccounts = resource<ServiceAccount>({
  group: '',
  version: 'v1',
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
  scope: 'Namespaced',
  shortNames: ['sa'],
})

/** Several objects of kind ServiceAccount, as a list request returns them. */
export interface ServiceAccountList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: ServiceAccount[]
}

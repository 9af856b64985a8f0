/** @atomic */
export interface ObjectReference {
  kind?: string
  namespace?: string
  name?: string
  uid?: string
  apiVersion?: string
  resourceVersion?: string
  fieldPath?: string
}

/** @atomic */
export interface LocalObjectReference {
  name?: string
}

/** @atomic */
export interface TypedLocalObjectReference {
  apiGroup?: string
  kind: string
  name: string
}

export interface TypedObjectReference {
  apiGroup?: string
  kind: string
  name: string
  namespace?: string
}

/** @atomic */
export interface SecretReference {
  name?: string
  namespace?: string
}

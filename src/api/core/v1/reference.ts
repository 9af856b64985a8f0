// How objects point to other objects.
/** Points to an object of any kind, or to a part of it. @atomic */
export interface ObjectReference {
  /** Kind of the object. */
  kind?: string
  /** Namespace of the object. */
  namespace?: string
  /** Name of the object. */
  name?: string
  /** The object's uid, to tell it from others of the same name. */
  uid?: string
  /** Group and version of the object. */
  apiVersion?: string
  /** The revision of the object that is meant, if any. */
  resourceVersion?: string
  /** The part of the object that is meant, such as `spec.containers{name}`. */
  fieldPath?: string
}

/** Points to an object in the same namespace, of a kind that the field decides. @atomic */
export interface LocalObjectReference {
  /** Name of the object. */
  name?: string
}

/** Points to an object in the same namespace or without one. @atomic */
export interface TypedLocalObjectReference {
  /** Group of the kind; absent for the core group. */
  apiGroup?: string
  /** Kind of the object. */
  kind: string
  /** Name of the object. */
  name: string
}

/** Points to an object, perhaps in another namespace. */
export interface TypedObjectReference {
  /** Group of the kind; absent for the core group. */
  apiGroup?: string
  /** Kind of the object. */
  kind: string
  /** Name of the object. */
  name: string
  /** Another namespace; a ReferenceGrant there has to allow it. */
  namespace?: string
}

/** Points to a Secret in any namespace. @atomic */
export interface SecretReference {
  /** Name of the Secret. */
  name?: string
  /** Its namespace. */
  namespace?: string
}

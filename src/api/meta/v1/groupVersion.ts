// Names of kinds and resources with their group and version.
/** Names a kind. */
export interface GroupVersionKind {
  /** The group; empty for the core group. */
  group: string
  /** The version. */
  version: string
  /** The kind. */
  kind: string
}

/** Names a resource. */
export interface GroupVersionResource {
  /** The group; empty for the core group. */
  group: string
  /** The version. */
  version: string
  /** The resource, as in paths. */
  resource: string
}

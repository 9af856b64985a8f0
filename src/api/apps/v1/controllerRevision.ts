// Revisions: what a template was before it changed.
import { resource } from '#api/resource.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { RawExtension, int64 } from '#api/scalars.ts'

/** Keeps the template that a StatefulSet or DaemonSet had at some time, to compare with and go back to. */
export interface ControllerRevision extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** The state as the controller wrote it; never changes. @immutable */
  data?: RawExtension
  /** Its number; the newest revision has the highest. */
  revision: int64
}

/** The kind ControllerRevision as it is addressed: `controllerrevisions` of apps. */
export const controllerRevisions = resource<ControllerRevision>({
  group: 'apps',
  version: 'v1',
  kind: 'ControllerRevision',
  plural: 'controllerrevisions',
  scope: 'Namespaced',
})

/** Several objects of kind ControllerRevision, as a list request returns them. */
export interface ControllerRevisionList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: ControllerRevision[]
}

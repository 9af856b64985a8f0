// Runtime classes: ways in which nodes can run containers.
import { resource } from '#api/resource.ts'
import type { Toleration } from '#api/core/v1/scheduling.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { Quantity } from '#api/scalars.ts'

/** Names one way in which nodes can run containers, for `runtimeClassName` of pods. */
export interface RuntimeClass extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** What the container runtime of the nodes calls this way; cannot be changed. */
  handler: string
  /** What running a pod in this way costs beside its containers. */
  overhead?: Overhead
  /** Which nodes can run containers in this way; all of them when absent. */
  scheduling?: Scheduling
}

/** The kind RuntimeClass as it is addressed: `runtimeclasses` of node.k8s.io. */
export const runtimeClasses = resource<RuntimeClass>({
  group: 'node.k8s.io',
  version: 'v1',
  kind: 'RuntimeClass',
  plural: 'runtimeclasses',
  scope: 'Cluster',
})

/** What a pod costs beside its containers. */
export interface Overhead {
  /** The same for every pod, by the name of the resource. */
  podFixed?: Record<string, Quantity>
}

/** Which nodes support a runtime class. */
export interface Scheduling {
  /** Labels of those nodes; pods of the class need them beside their own selector. @atomic */
  nodeSelector?: Record<string, string>
  /** Tolerations that pods of the class get beside their own. @atomic */
  tolerations?: Toleration[]
}

/** Several objects of kind RuntimeClass, as a list request returns them. */
export interface RuntimeClassList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by name. */
  items: RuntimeClass[]
}

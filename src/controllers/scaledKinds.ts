import { deployments } from '#api/apps/v1/deployment.ts'
import { replicaSets } from '#api/apps/v1/replicaSet.ts'
import { statefulSets } from '#api/apps/v1/statefulSet.ts'
import { replicationControllers } from '#api/core/v1/replicationController.ts'
import type { Resource } from '#api/resource.ts'

/** Built-in kinds that say how many pods they want, by group and kind: nobody needs to ask what they are called. */
export const scaledKinds: Readonly<Record<string, Resource<any>>> = {
  '/ReplicationController': replicationControllers,
  'apps/ReplicaSet': replicaSets,
  'apps/StatefulSet': statefulSets,
  'apps/Deployment': deployments,
}

import type { KubeObject } from '#api/resource.ts'
import type { Column } from '#server/strategy.ts'

/** What keeps a number of pods, of either kind. */
interface PodKeeper extends KubeObject {
  readonly spec: { readonly replicas?: number }
  readonly status?: { readonly replicas?: number; readonly readyReplicas?: number }
}

/** How many pods are wanted, there and ready. */
export const replicaColumns: readonly Column<PodKeeper>[] = [
  { name: 'Desired', type: 'integer', description: 'Pods that are wanted.', value: ({ spec }) => spec.replicas ?? 1 },
  {
    name: 'Current',
    type: 'integer',
    description: 'Pods that there are.',
    value: ({ status }) => status?.replicas ?? 0,
  },
  {
    name: 'Ready',
    type: 'integer',
    description: 'Pods that are ready.',
    value: ({ status }) => status?.readyReplicas ?? 0,
  },
]

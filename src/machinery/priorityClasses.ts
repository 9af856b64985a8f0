/** The classes that every cluster has, by name: for pods that a cluster, or a node, cannot do without. */
export const systemPriorityClasses: Readonly<Record<string, { readonly value: number; readonly description: string }>> =
  {
    'system-cluster-critical': {
      value: 2_000_000_000,
      description:
        'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
    },
    'system-node-critical': {
      value: 2_000_001_000,
      description: 'Used for system critical pods that must not be moved from their current node.',
    },
  }

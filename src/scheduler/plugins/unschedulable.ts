import { tolerates } from '#machinery/taints.ts'
import type { Plugin } from '#scheduler/plugin.ts'

const cordoned = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }

/** Keeps pods off cordoned nodes, unless they tolerate the taint that says the same. */
export const unschedulable: Plugin = {
  name: 'NodeUnschedulable',
  looksAt: ({ spec }) => spec.tolerations,
  filter(pod, { node }) {
    if (node.spec?.unschedulable !== true) return undefined
    if (pod.spec.tolerations?.some((toleration) => tolerates(toleration, cordoned)) === true) return undefined
    return { reason: 'node(s) were unschedulable', forever: true, cause: { kind: 'unschedulable' } }
  },
  wakesOn: [
    { event: { resource: 'nodes', action: 'add' } },
    {
      event: { resource: 'nodes', action: 'update' },
      helps: ({ node, oldNode }) => oldNode?.spec?.unschedulable === true && node?.spec?.unschedulable !== true,
    },
  ],
}

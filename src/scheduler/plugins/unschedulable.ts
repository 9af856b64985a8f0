import { tolerates } from '#machinery/taints.ts'
import type { Plugin } from '#scheduler/plugin.ts'
import { toleratesOther } from './taints.ts'

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
    { event: { resource: 'nodes', action: 'add' }, helps: ({ node }) => node?.spec?.unschedulable !== true },
    {
      event: { resource: 'nodes', action: 'update' },
      helps: ({ node, oldNode }) => oldNode?.spec?.unschedulable === true && node?.spec?.unschedulable !== true,
    },
    // The waiting pod itself may have got the toleration.
    { event: { resource: 'pods', action: 'update' }, helps: toleratesOther },
  ],
}

import type { Plugin } from '#scheduler/plugin.ts'

/** Keeps a pod that names its node off all others. */
export const nodeName: Plugin = {
  name: 'NodeName',
  looksAt: ({ spec }) => spec.nodeName,
  prepare: (pod) => ((pod.spec.nodeName ?? '') === '' ? 'skip' : undefined),
  filter(pod, node) {
    if (pod.spec.nodeName === node.name) return undefined
    return { reason: "node(s) didn't match the requested node name", forever: true, cause: { kind: 'name' } }
  },
  wakesOn: [{ event: { resource: 'nodes', action: 'add' } }],
}

import type { Plugin } from '#scheduler/plugin.ts'

/** Keeps pods with scheduling gates (KEP-3521) out of the queue until the last gate is removed. */
export const gates: Plugin = {
  name: 'SchedulingGates',
  gate(pod) {
    const names = pod.spec.schedulingGates?.map(({ name }) => name) ?? []
    if (names.length === 0) return undefined
    return { reason: `waiting for scheduling gates: [${names.join(' ')}]`, cause: { kind: 'gate', gates: names } }
  },
  wakesOn: [
    {
      event: { resource: 'pods', action: 'update' },
      helps: ({ pod, changedPod }) => changedPod === undefined || changedPod.metadata.uid === pod.metadata.uid,
    },
  ],
}

import type { Pod } from '#api/core/v1/pod.ts'

/** The index of pods by the name of their node. */
export const byNode = 'node'

/** Index values for `byNode`: pods that wait for a node have none. */
export function nodeIndex({ spec: { nodeName } }: Pod): readonly string[] {
  return nodeName === undefined ? [] : [nodeName]
}

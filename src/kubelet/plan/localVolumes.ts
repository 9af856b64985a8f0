import type { Pod } from '#api/core/v1/pod.ts'

/** The names of the volumes of a pod that are on the node's disk and end with the pod. */
export function localVolumes({ spec }: Pod): ReadonlySet<string> {
  const local = (spec.volumes ?? []).filter(
    ({ emptyDir, configMap, downwardAPI, gitRepo }) =>
      (emptyDir !== undefined && emptyDir.medium !== 'Memory') || (configMap ?? downwardAPI ?? gitRepo) !== undefined,
  )
  return new Set(local.map(({ name }) => name))
}

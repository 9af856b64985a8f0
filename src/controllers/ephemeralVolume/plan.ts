import type { PersistentVolumeClaim } from '#api/core/v1/persistentVolumeClaim.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import type { Draft } from '#client/client.ts'
import { controllerReference } from '#machinery/owners.ts'
import { ephemeralClaimName, foreignClaimProblem } from '#machinery/podReferences.ts'

export type EphemeralPlan =
  | { readonly do: 'create'; readonly volume: string; readonly claim: Draft<PersistentVolumeClaim> }
  /** A claim of the name is there, but not this pod's; `problem` says so. */
  | { readonly do: 'refuse'; readonly volume: string; readonly problem: string }

/** The claims that must be made for volumes of a pod, in order; the first problem is the last entry. */
export function planEphemeral(
  pod: Pod,
  claimOf: (name: string) => PersistentVolumeClaim | undefined,
): readonly EphemeralPlan[] {
  if (pod.metadata.deletionTimestamp !== undefined) return []
  const plans: EphemeralPlan[] = []
  for (const { name: volume, ephemeral } of pod.spec.volumes ?? []) {
    const template = ephemeral?.volumeClaimTemplate
    if (template === undefined) continue
    const name = ephemeralClaimName(pod.metadata.name, volume)
    const known = claimOf(name)
    const problem = known === undefined ? undefined : foreignClaimProblem(pod, known)
    if (problem !== undefined) return [...plans, { do: 'refuse', volume, problem }]
    if (known !== undefined) continue
    const { annotations, labels } = template.metadata ?? {}
    const metadata = {
      name,
      namespace: pod.metadata.namespace ?? '',
      ownerReferences: [controllerReference(pod, pods)],
      ...(annotations === undefined ? {} : { annotations }),
      ...(labels === undefined ? {} : { labels }),
    }
    plans.push({ do: 'create', volume, claim: { metadata, spec: template.spec } })
  }
  return plans
}

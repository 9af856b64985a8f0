// The pods of a StatefulSet by their numbers: what they are called, and what has to be theirs alone.
import { statefulSets, type StatefulSet } from '#api/apps/v1/statefulSet.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { PodTemplateSpec } from '#api/core/v1/podTemplate.ts'
import type { Volume } from '#api/core/v1/volume.ts'
import type { Draft, ObjectName } from '#client/client.ts'
import { podFromTemplate } from '../podTemplate.ts'
import { revisionLabel } from '../revisionHistory.ts'
import { claimName } from './claims.ts'

const nameLabel = 'statefulset.kubernetes.io/pod-name'
const indexLabel = 'apps.kubernetes.io/pod-index'

/** What the pods of one revision are made from. */
export interface Revision {
  readonly name: string
  readonly template: PodTemplateSpec
}

export const podName = (set: StatefulSet, ordinal: number): string => `${set.metadata.name}-${ordinal}`

/** The number of a set's pod; undefined for a pod that no such set would make. */
export function ordinalOf(set: StatefulSet, { metadata }: Pod): number | undefined {
  const [, parent, digits] = /^(.*)-(\d+)$/.exec(metadata.name) ?? []
  const ordinal = Number(digits)
  return parent === set.metadata.name && ordinal < 2 ** 31 ? ordinal : undefined
}

/** The numbers of the pods that a set should have, from the first one on. */
export function ordinalsOf({ spec }: StatefulSet): { readonly start: number; readonly count: number } {
  return { start: spec.ordinals?.start ?? 0, count: spec.replicas ?? 1 }
}

/** Whether a number is one of those that a set should have. */
export function isWanted(set: StatefulSet, ordinal: number): boolean {
  const { start, count } = ordinalsOf(set)
  return ordinal >= start && ordinal < start + count
}

export const revisionOf = ({ metadata }: Pod): string => metadata.labels?.[revisionLabel] ?? ''

/** The pod of a set with this number, made from a revision. */
export function podFor(
  set: StatefulSet,
  { name: revision, template }: Revision,
  ordinal: number,
): Draft<Pod> & { readonly metadata: ObjectName } {
  const name = podName(set, ordinal)
  const { serviceName = '' } = set.spec
  const draft = podFromTemplate(template, { resource: statefulSets, object: set })
  const labels = { ...draft.metadata.labels, ...identityLabels(name, ordinal), [revisionLabel]: revision }
  return {
    metadata: { ...draft.metadata, name, labels },
    spec: {
      ...draft.spec,
      ...volumesWith(set, draft.spec.volumes, ordinal),
      hostname: name,
      ...(serviceName === '' ? {} : { subdomain: serviceName }),
    },
  }
}

function identityLabels(name: string, ordinal: number): Record<string, string> {
  return { [nameLabel]: name, [indexLabel]: String(ordinal) }
}

/** The volumes of a pod with those of its claims in front, instead of any of the same names. */
function volumesWith(
  set: StatefulSet,
  volumes: readonly Volume[] = [],
  ordinal: number,
): { readonly volumes?: Volume[] } {
  const own = (set.spec.volumeClaimTemplates ?? []).map(({ metadata: { name } }): Volume => ({
    name,
    persistentVolumeClaim: { claimName: claimName(set, name, ordinal) },
  }))
  const all = [...own, ...volumes.filter(({ name }) => !own.some((each) => each.name === name))]
  return all.length === 0 ? {} : { volumes: all }
}

/** A pod as it has to be to be the one with its number; undefined when it is. */
export function corrected(set: StatefulSet, pod: Pod, ordinal: number): Pod | undefined {
  const { name, labels } = pod.metadata
  const named = labels?.[nameLabel] === name
  const volumes = new Map((pod.spec.volumes ?? []).map((volume) => [volume.name, volume]))
  const stored = (set.spec.volumeClaimTemplates ?? []).every(
    ({ metadata }) =>
      volumes.get(metadata.name)?.persistentVolumeClaim?.claimName === claimName(set, metadata.name, ordinal),
  )
  if (named && stored) return undefined
  return {
    ...pod,
    metadata: named
      ? pod.metadata
      : { ...pod.metadata, labels: { ...pod.metadata.labels, ...identityLabels(name, ordinal) } },
    spec: stored ? pod.spec : { ...pod.spec, ...volumesWith(set, pod.spec.volumes, ordinal) },
  }
}

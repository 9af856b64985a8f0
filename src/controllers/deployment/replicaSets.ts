import { replicaSets, type ReplicaSet } from '#api/apps/v1/replicaSet.ts'
import { deployments, type Deployment } from '#api/apps/v1/deployment.ts'
import type { PodTemplateSpec } from '#api/core/v1/podTemplate.ts'
import { apiVersionOf } from '#api/resource.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { millisecondsOf } from '#machinery/time.ts'
import { controllerReference } from '#machinery/owners.ts'
import { podTemplateHash } from '#machinery/podTemplateHash.ts'

/** The label that tells the pods of one template from those of another. */
const hashLabel = 'pod-template-hash'
export const revisionAnnotation = 'deployment.kubernetes.io/revision'
const revisionHistoryAnnotation = 'deployment.kubernetes.io/revision-history'
export const desiredReplicasAnnotation = 'deployment.kubernetes.io/desired-replicas'
export const maxReplicasAnnotation = 'deployment.kubernetes.io/max-replicas'

/** Annotations of a Deployment that its sets have a value of their own of, or none. */
const notCopied = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  revisionAnnotation,
  revisionHistoryAnnotation,
  desiredReplicasAnnotation,
  maxReplicasAnnotation,
  'deprecated.deployment.rollback.to',
])

/** Characters of revision history that a set keeps. */
const longestHistory = 2000

/** The oldest set with the Deployment's present template: the one to bring up. */
export function findNewSet(deployment: Deployment, sets: readonly ReplicaSet[]): ReplicaSet | undefined {
  return byAge(sets).find((set) => isSameTemplate(set.spec.template, deployment.spec.template))
}

/** Oldest first; by name within one second. */
export function byAge(sets: readonly ReplicaSet[]): readonly ReplicaSet[] {
  const created = (set: ReplicaSet): number => millisecondsOf(set.metadata.creationTimestamp) ?? 0
  return sets.toSorted((a, b) => created(a) - created(b) || (a.metadata.name < b.metadata.name ? -1 : 1))
}

export function isSameTemplate(a: PodTemplateSpec | undefined, b: PodTemplateSpec | undefined): boolean {
  return a !== undefined && b !== undefined && sameJson(withoutHash(a), withoutHash(b))
}

function withoutHash(template: PodTemplateSpec): PodTemplateSpec {
  const { [hashLabel]: _hash, ...labels } = template.metadata?.labels ?? {}
  return { ...template, metadata: { ...template.metadata, labels } }
}

/** The revision written on a set or Deployment, of 64 bits; 0 when there is none. */
export function revisionOf(object: { readonly metadata: { readonly annotations?: Record<string, string> } }): bigint {
  return revisionIn(object.metadata.annotations?.[revisionAnnotation])
}

function revisionIn(text = ''): bigint {
  const revision = /^[+-]?\d{1,19}$/.test(text) ? BigInt(text) : 0n
  return BigInt.asIntN(64, revision) === revision ? revision : 0n
}

export function nextRevision(oldSets: readonly ReplicaSet[]): bigint {
  return highest(oldSets.map(revisionOf)) + 1n
}

/** The lower revision first. */
export function compareRevisions(a: ReplicaSet, b: ReplicaSet): number {
  const difference = revisionOf(a) - revisionOf(b)
  return difference < 0n ? -1 : difference > 0n ? 1 : 0
}

/** The highest of some revisions; 0 when there is none above. */
export function highest(revisions: readonly bigint[]): bigint {
  return revisions.reduce((a, b) => (a > b ? a : b), 0n)
}

export function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^-?\d{1,15}$/.test(text) ? Number(text) : undefined
}

/** What a set of the present template has to carry: the Deployment's own annotations and its revision, with those before. */
export function annotationsFor(
  deployment: Deployment,
  set: ReplicaSet | undefined,
  revision: bigint,
): Record<string, string> {
  const annotations = { ...set?.metadata.annotations }
  for (const [name, value] of Object.entries(deployment.metadata.annotations ?? {})) {
    if (!notCopied.has(name)) annotations[name] = value
  }
  const before = annotations[revisionAnnotation]
  if (revisionIn(before) >= revision) return annotations
  annotations[revisionAnnotation] = String(revision)
  if (before !== undefined && before !== '') {
    annotations[revisionHistoryAnnotation] = historyWith(annotations[revisionHistoryAnnotation] ?? '', before)
  }
  return annotations
}

function historyWith(history: string, revision: string): string {
  const revisions = [...history.split(',').filter((each) => each !== ''), revision]
  while (revisions.length > 1 && revisions.join(',').length > longestHistory) revisions.shift()
  return revisions.join(',')
}

/** Annotations that tell a set's share when the Deployment is scaled while it rolls. */
export function sizeAnnotations(replicas: number, surge: number): Record<string, string> {
  return { [desiredReplicasAnnotation]: String(replicas), [maxReplicasAnnotation]: String(replicas + surge) }
}

/** Characters that the name of an object may have. */
const longestName = 253

/** The name of a Deployment may be as long as names get: then that of its set has only the beginning of it. */
const nameOfSet = (deployment: string, hash: string): string =>
  `${deployment.slice(0, longestName - 1 - hash.length)}-${hash}`

/** A set for the Deployment's present template, without pods and without annotations. */
export function newSetFor(deployment: Deployment): ReplicaSet {
  const { name, namespace } = deployment.metadata
  const { template, selector, minReadySeconds } = deployment.spec
  const hash = podTemplateHash(template, deployment.status?.collisionCount ?? 0)
  const labels = { ...template.metadata?.labels, [hashLabel]: hash }
  return {
    apiVersion: apiVersionOf(replicaSets),
    kind: replicaSets.kind,
    metadata: {
      name: nameOfSet(name, hash),
      ...(namespace === undefined ? {} : { namespace }),
      labels,
      ownerReferences: [controllerReference(deployment, deployments)],
    },
    spec: {
      replicas: 0,
      ...(minReadySeconds === undefined ? {} : { minReadySeconds }),
      selector: { ...selector, matchLabels: { ...selector.matchLabels, [hashLabel]: hash } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  }
}

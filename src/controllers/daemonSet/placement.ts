// On which nodes the pods of a DaemonSet belong, and what a pod looks like that is meant for one of them.
import { daemonSets, type DaemonSet } from '#api/apps/v1/daemonSet.ts'
import type { Affinity } from '#api/core/v1/affinity.ts'
import type { Node } from '#api/core/v1/node.ts'
import type { Pod, PodSpec } from '#api/core/v1/pod.ts'
import type { Toleration } from '#api/core/v1/scheduling.ts'
import type { Draft } from '#client/client.ts'
import { matchesNodeSelectors } from '#machinery/nodeSelector.ts'
import { findUntolerated } from '#machinery/taints.ts'
import { podFromTemplate } from '../podTemplate.ts'
import { revisionLabel } from '../revisionHistory.ts'

/** The number of the template that older clients tell pods apart by; on the set it is an annotation. */
const generationLabel = 'pod-template-generation'
const generationAnnotation = 'deprecated.daemonset.template.generation'

/** What is wrong with a node must not end the pods that look after it. */
const automatic: readonly Toleration[] = (
  [
    ['not-ready', 'NoExecute'],
    ['unreachable', 'NoExecute'],
    ['disk-pressure', 'NoSchedule'],
    ['memory-pressure', 'NoSchedule'],
    ['pid-pressure', 'NoSchedule'],
    ['unschedulable', 'NoSchedule'],
  ] as const
).map(([taint, effect]) => ({ key: `node.kubernetes.io/${taint}`, operator: 'Exists', effect }))
const ofHostNetwork: Toleration = {
  key: 'node.kubernetes.io/network-unavailable',
  operator: 'Exists',
  effect: 'NoSchedule',
}

/** What a node has to do with a DaemonSet. */
export type Eligibility =
  /** Its pod belongs there. */
  | 'runs'
  /** A pod that is there stays, but none is started: it does not tolerate the node's NoSchedule taints. */
  | 'stays'
  | 'no'

/** Judges nodes for a set. */
export function eligibilityOf({ spec }: DaemonSet): (node: Node) => Eligibility {
  const podSpec = spec.template.spec
  const tolerations = tolerationsOf(podSpec)
  const wanted = podSpec.nodeName ?? ''
  return (node) => {
    if (wanted !== '' && wanted !== node.metadata.name) return 'no'
    if (!matchesNodeSelectors({ spec: podSpec }, node)) return 'no'
    const { taints } = node.spec
    if (findUntolerated(taints, tolerations, ['NoExecute', 'NoSchedule']) === undefined) return 'runs'
    return findUntolerated(taints, tolerations, ['NoExecute']) === undefined ? 'stays' : 'no'
  }
}

/** The tolerations of the template with those that every pod of a DaemonSet has. */
function tolerationsOf({ tolerations = [], hostNetwork }: PodSpec): readonly Toleration[] {
  const added = hostNetwork === true ? [...automatic, ofHostNetwork] : automatic
  const isSame = (a: Toleration, b: Toleration): boolean =>
    a.key === b.key && a.effect === b.effect && a.operator === b.operator && (a.value ?? '') === ''
  const kept = tolerations.map((toleration) => added.find((each) => isSame(toleration, each)) ?? toleration)
  return [...kept, ...added.filter((each) => !kept.includes(each))]
}

/** Makes the pod of a set for a node. The scheduler puts it there, and nowhere else. */
export function podsForNodes(set: DaemonSet, hash: string): (node: string) => Draft<Pod> {
  const generation = templateGeneration(set)
  const pod = podFromTemplate(set.spec.template, { resource: daemonSets, object: set })
  const labels = {
    ...pod.metadata.labels,
    ...(generation === undefined ? {} : { [generationLabel]: generation }),
    [revisionLabel]: hash,
  }
  const spec = { ...pod.spec, tolerations: [...tolerationsOf(pod.spec)] }
  return (node) => ({
    metadata: { ...pod.metadata, labels },
    spec: { ...spec, affinity: affinityTo(node, spec.affinity) },
  })
}

function affinityTo(node: string, affinity: Affinity = {}): Affinity {
  const matchFields = [{ key: 'metadata.name', operator: 'In' as const, values: [node] }]
  const requiredDuringSchedulingIgnoredDuringExecution = { nodeSelectorTerms: [{ matchFields }] }
  return { ...affinity, nodeAffinity: { ...affinity.nodeAffinity, requiredDuringSchedulingIgnoredDuringExecution } }
}

/** The node that a pod is on or meant for; undefined when nothing says so. */
export function nodeOf({ spec }: Pod): string | undefined {
  if ((spec.nodeName ?? '') !== '') return spec.nodeName
  const terms = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? []
  const named = terms
    .flatMap(({ matchFields = [] }) => matchFields)
    .find(({ key, operator }) => key === 'metadata.name' && operator === 'In')
  return named?.values?.length === 1 ? named.values[0] : undefined
}

/** Whether a pod was made from the set's present template. */
export function isUpdated({ metadata }: Pod, set: DaemonSet, hash: string): boolean {
  const { labels = {} } = metadata
  if (labels[revisionLabel] === hash) return true
  const generation = templateGeneration(set)
  return generation !== undefined && labels[generationLabel] === generation
}

function templateGeneration({ metadata }: DaemonSet): string | undefined {
  const text = metadata.annotations?.[generationAnnotation]
  return text !== undefined && /^[+-]?\d{1,15}$/.test(text) ? String(Number(text)) : undefined
}

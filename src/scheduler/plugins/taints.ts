import type { Node } from '#api/core/v1/node.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { findUntolerated, tolerates } from '#machinery/taints.ts'
import type { Plugin, WakeChange } from '../plugin.ts'
import { normalizeScores } from './normalize.ts'

type Tolerations = NonNullable<Pod['spec']['tolerations']>

/** The effects that keep a pod off a node; `PreferNoSchedule` only advises. */
const forbidding = ['NoSchedule', 'NoExecute']

/** Keeps pods off nodes whose taints they do not tolerate, and away from those whose taints only advise. */
export const taints: Plugin<Tolerations> = {
  name: 'TaintToleration',
  looksAt: ({ spec }) => spec.tolerations,
  /** The tolerations that count for advice: those for `PreferNoSchedule` or for every effect. */
  prepare: (pod) =>
    (pod.spec.tolerations ?? []).filter(({ effect = '' }) => effect === '' || effect === 'PreferNoSchedule'),
  filter(pod, { node }) {
    const taint = findForbidding(node, pod)
    if (taint === undefined) return undefined
    const { key, value = '', effect } = taint
    return {
      reason: `node(s) had untolerated taint {${key}: ${value}}`,
      forever: true,
      cause: { kind: 'taint', key, value, effect },
    }
  },
  /** How many pieces of advice the pod would go against; `normalize` turns the most into the worst score. */
  score(_pod, { node }, tolerations) {
    let unwelcome = 0
    for (const taint of node.spec?.taints ?? []) {
      if (taint.effect !== 'PreferNoSchedule') continue
      if (!tolerations.some((toleration) => tolerates(toleration, taint))) unwelcome++
    }
    return unwelcome
  },
  normalize: (scores) => normalizeScores(scores, { reverse: true }),
  wakesOn: [
    { event: { resource: 'nodes', action: 'add' }, helps: ({ pod, node }) => findForbidding(node, pod) === undefined },
    {
      event: { resource: 'nodes', action: 'update' },
      helps: ({ pod, node, oldNode }) =>
        findForbidding(node, pod) === undefined &&
        (oldNode === undefined || findForbidding(oldNode, pod) !== undefined),
    },
    // The waiting pod itself may have got another toleration.
    { event: { resource: 'pods', action: 'update' }, helps: toleratesOther },
  ],
}

/** Whether the change is one of the waiting pod's own tolerations. */
export function toleratesOther({ pod, changedPod, oldChangedPod }: WakeChange): boolean {
  if (changedPod === undefined || oldChangedPod === undefined) return true
  const isItself = changedPod.metadata.uid === pod.metadata.uid
  return isItself && !sameJson(changedPod.spec.tolerations, oldChangedPod.spec.tolerations)
}

function findForbidding(node: Node | undefined, pod: Pod): ReturnType<typeof findUntolerated> {
  return findUntolerated(node?.spec?.taints, pod.spec.tolerations, forbidding)
}

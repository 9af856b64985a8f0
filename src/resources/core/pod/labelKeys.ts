// Choices among pods that are like this one in some labels (KEP-3243, KEP-3633): the labels of the pod are written into them
// when it is created.
import type { PodAffinity, PodAffinityTerm } from '#api/core/v1/affinity.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { LabelSelector, LabelSelectorOperator } from '#api/meta/v1/labelSelector.ts'

/** Adds to selectors what they are to have of the labels of the pod. Selectors that are not there choose nothing. */
export function mergeLabelKeys({ metadata: { labels = {} }, spec }: Pod): void {
  const add = (
    selector: LabelSelector | undefined,
    keys: readonly string[] | undefined,
    operator: LabelSelectorOperator,
  ): void => {
    if (selector === undefined) return
    for (const key of keys ?? []) {
      if (!Object.hasOwn(labels, key)) continue
      selector.matchExpressions = [...(selector.matchExpressions ?? []), { key, operator, values: [labels[key]!] }]
    }
  }
  for (const term of [...termsOf(spec.affinity?.podAffinity), ...termsOf(spec.affinity?.podAntiAffinity)]) {
    add(term.labelSelector, term.matchLabelKeys, 'In')
    add(term.labelSelector, term.mismatchLabelKeys, 'NotIn')
  }
  for (const { labelSelector, matchLabelKeys } of spec.topologySpreadConstraints ?? []) {
    add(labelSelector, matchLabelKeys, 'In')
  }
}

function termsOf(affinity: PodAffinity | undefined): PodAffinityTerm[] {
  return [
    ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(({ podAffinityTerm }) => podAffinityTerm),
  ]
}

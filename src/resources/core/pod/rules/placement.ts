import type {
  Affinity,
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinity,
  PodAffinityTerm,
} from '#api/core/v1/affinity.ts'
import type { Toleration, TopologySpreadConstraint } from '#api/core/v1/scheduling.ts'
import { goForm } from '#resources/goForm.ts'
import {
  dnsLabelProblems,
  dnsSubdomainProblems,
  labelValueProblems,
  qualifiedNameProblems,
} from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { checkSelector } from '#resources/selector.ts'

const effects: readonly string[] = ['NoSchedule', 'PreferNoSchedule', 'NoExecute']

/** The rules of tolerations. */
export function checkTolerations(tolerations: readonly Toleration[], report: Report): void {
  for (const [index, toleration] of tolerations.entries()) {
    const { key = '', value = '', tolerationSeconds } = toleration
    const [operator, effect] = [(toleration.operator ?? '') as string, (toleration.effect ?? '') as string]
    const place = report.at(index)
    if (key !== '') place.at('key').invalidBecause(key, qualifiedNameProblems(key))
    if (key === '' && operator !== 'Exists') {
      const problem = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
      place.at('operator').invalid(operator, problem)
    }
    if (tolerationSeconds !== undefined && effect !== 'NoExecute') {
      place.at('effect').invalid(effect, "effect must be 'NoExecute' when `tolerationSeconds` is set")
    }
    switch (operator) {
      case '':
      case 'Equal':
        place.at('operator').invalidBecause(value, labelValueProblems(value))
        break
      case 'Exists':
        if (value !== '')
          place
            .at('operator')
            .invalid(
              goForm('io.k8s.api.core.v1.Toleration', toleration),
              "value must be empty when `operator` is 'Exists'",
            )
        break
      default:
        place.at('operator').notSupported(operator, ['Equal', 'Exists'])
    }
    if (effect !== '' && !effects.includes(effect)) place.at('effect').notSupported(effect, effects)
  }
}

/** The rules of which nodes and neighbours a pod wants. */
export function checkAffinity(affinity: Affinity | undefined, report: Report): void {
  if (affinity === undefined) return
  const { nodeAffinity, podAffinity, podAntiAffinity } = affinity
  if (nodeAffinity !== undefined) {
    const place = report.at('nodeAffinity')
    const required = nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution
    if (required !== undefined) {
      checkNodeSelector(required, place.at('requiredDuringSchedulingIgnoredDuringExecution'))
    }
    for (const [index, { weight, preference }] of (
      nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution ?? []
    ).entries()) {
      const at = place.at('preferredDuringSchedulingIgnoredDuringExecution', index)
      checkWeight(weight, at)
      checkNodeTerm(preference, at.at('preference'))
    }
  }
  if (podAffinity !== undefined) checkPodAffinity(podAffinity, report.at('podAffinity'))
  if (podAntiAffinity !== undefined) checkPodAffinity(podAntiAffinity, report.at('podAntiAffinity'))
}

function checkWeight(weight: number, report: Report): void {
  if (!(weight >= 1 && weight <= 100)) report.at('weight').invalid(weight, 'must be in the range 1-100')
}

/** The rules of a choice of nodes. */
export function checkNodeSelector({ nodeSelectorTerms = [] }: NodeSelector, report: Report): void {
  const terms = report.at('nodeSelectorTerms')
  if (nodeSelectorTerms.length === 0) terms.required('must have at least one node selector term')
  for (const [index, term] of nodeSelectorTerms.entries()) checkNodeTerm(term, terms.at(index))
}

function checkNodeTerm({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm, report: Report): void {
  for (const [index, requirement] of matchExpressions.entries()) {
    const place = report.at('matchExpressions', index)
    checkNodeRequirement(requirement, place)
    place.at('key').invalidBecause(requirement.key, qualifiedNameProblems(requirement.key))
  }
  for (const [index, { key, operator, values = [] }] of matchFields.entries()) {
    const place = report.at('matchFields', index)
    if (operator !== 'In' && operator !== 'NotIn')
      place.at('operator').invalid(operator, 'not a valid selector operator')
    else if (values.length !== 1) {
      place.at('values').required("must be only one value when `operator` is 'In' or 'NotIn' for node field selector")
    }
    if (key !== 'metadata.name') place.at('key').invalid(key, 'not a valid field selector key')
    else {
      for (const [at, value] of values.entries()) {
        place.at('values', at).invalidBecause(value, dnsSubdomainProblems(value))
      }
    }
  }
}

function checkNodeRequirement({ operator, values = [] }: NodeSelectorRequirement, report: Report): void {
  switch (operator as string) {
    case 'In':
    case 'NotIn':
      if (values.length === 0) report.at('values').required("must be specified when `operator` is 'In' or 'NotIn'")
      break
    case 'Exists':
    case 'DoesNotExist':
      if (values.length > 0) {
        report.at('values').forbidden("may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
      }
      break
    case 'Gt':
    case 'Lt':
      if (values.length !== 1)
        report.at('values').required("must be specified single value when `operator` is 'Lt' or 'Gt'")
      break
    default:
      report.at('operator').invalid(operator, 'not a valid selector operator')
  }
}

function checkPodAffinity(affinity: PodAffinity, report: Report): void {
  for (const [index, term] of (affinity.requiredDuringSchedulingIgnoredDuringExecution ?? []).entries()) {
    checkPodTerm(term, report.at('requiredDuringSchedulingIgnoredDuringExecution', index))
  }
  for (const [index, { weight, podAffinityTerm }] of (
    affinity.preferredDuringSchedulingIgnoredDuringExecution ?? []
  ).entries()) {
    const place = report.at('preferredDuringSchedulingIgnoredDuringExecution', index)
    checkWeight(weight, place)
    checkPodTerm(podAffinityTerm, place.at('podAffinityTerm'))
  }
}

function checkPodTerm(term: Partial<PodAffinityTerm>, report: Report): void {
  const { labelSelector, namespaceSelector, namespaces = [], topologyKey = '' } = term
  if (labelSelector !== undefined) checkSelector(labelSelector, report.at('labelSelector'))
  if (namespaceSelector !== undefined) checkSelector(namespaceSelector, report.at('namespaceSelector'))
  for (const name of namespaces) report.at('namespace').invalidBecause(name, dnsLabelProblems(name))
  checkLabelKeys(term, report)
  if (topologyKey === '') report.at('topologyKey').required('can not be empty')
  report.at('topologyKey').invalidBecause(topologyKey, qualifiedNameProblems(topologyKey))
}

const whenUnsatisfiable: readonly string[] = ['DoNotSchedule', 'ScheduleAnyway']

const policies: readonly string[] = ['Honor', 'Ignore']

/** The rules of how a pod's siblings are spread. */
export function checkSpreadConstraints(constraints: readonly TopologySpreadConstraint[], report: Report): void {
  const pairOf = ({ topologyKey = '', whenUnsatisfiable: action = '' as never }: TopologySpreadConstraint): string =>
    `{${topologyKey}, ${action}}`
  const last = new Map(constraints.map((constraint, index) => [pairOf(constraint), index]))
  for (const [index, constraint] of constraints.entries()) {
    const { maxSkew, topologyKey = '', minDomains, labelSelector } = constraint
    const action = (constraint.whenUnsatisfiable ?? '') as string
    const place = report.at(index)
    if (maxSkew <= 0) place.at('maxSkew').invalid(maxSkew, 'must be greater than zero')
    if (topologyKey === '') place.at('topologyKey').required('can not be empty')
    if (!whenUnsatisfiable.includes(action)) place.at('whenUnsatisfiable').notSupported(action, whenUnsatisfiable)
    const pair = pairOf(constraint)
    if (last.get(pair)! > index) place.at('{topologyKey, whenUnsatisfiable}').duplicate(pair)
    if (minDomains !== undefined) {
      if (minDomains <= 0) place.at('minDomains').invalid(minDomains, 'must be greater than zero')
      if (action !== 'DoNotSchedule') {
        const problem = `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${action}`
        place.at('minDomains').invalid(minDomains, problem)
      }
    }
    for (const member of ['nodeAffinityPolicy', 'nodeTaintsPolicy'] as const) {
      const policy = constraint[member]
      if (policy !== undefined && !policies.includes(policy)) place.at(member).notSupported(policy, policies)
    }
    checkLabelKeys(constraint, place)
    if (labelSelector !== undefined) checkSelector(labelSelector, place.at('labelSelector'))
  }
}

/** Labels by which a selector goes that the pod itself has: not those that the selector names already. */
function checkLabelKeys(
  {
    labelSelector,
    matchLabelKeys = [],
    mismatchLabelKeys = [],
  }: Pick<PodAffinityTerm, 'labelSelector' | 'matchLabelKeys' | 'mismatchLabelKeys'>,
  report: Report,
): void {
  for (const [member, keys] of [
    ['matchLabelKeys', matchLabelKeys],
    ['mismatchLabelKeys', mismatchLabelKeys],
  ] as const) {
    const place = report.at(member)
    if (keys.length > 0 && labelSelector === undefined) {
      place.forbidden('must not be specified when labelSelector is not set')
      continue
    }
    for (const [index, key] of keys.entries()) place.at(index).invalidBecause(key, qualifiedNameProblems(key))
  }
  // The selector has got what the keys say: a key that stands there twice was named by both.
  const named = new Set(Object.keys(labelSelector?.matchLabels ?? {}))
  for (const { key } of labelSelector?.matchExpressions ?? []) {
    const index = matchLabelKeys.lastIndexOf(key)
    if (index >= 0 && named.has(key)) report.at(index).invalid(key, 'exists in both matchLabelKeys and labelSelector')
    named.add(key)
  }
  for (const [index, key] of matchLabelKeys.entries()) {
    if (!mismatchLabelKeys.includes(key)) continue
    report.at('matchLabelKeys', index).invalid(key, 'exists in both matchLabelKeys and mismatchLabelKeys')
  }
}

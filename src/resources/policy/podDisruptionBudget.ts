import { podDisruptionBudgets, type PodDisruptionBudget } from '#api/policy/v1/podDisruptionBudget.ts'
import { goForm } from '#resources/goForm.ts'
import type { IntOrString } from '#api/scalars.ts'
import type { Report } from '#machinery/validate/report.ts'
import { checkCount } from '#resources/apps/rollout.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import { checkAtLeast, checkOneOf } from '#resources/rules.ts'
import { checkSelector } from '#resources/selector.ts'
import { checkConditions } from '#resources/conditions.ts'
import { statusSubresource } from '#resources/status.ts'
import type { Strategy } from '#server/strategy.ts'

/** Disruption budgets: how many pods of a selection may be away at once by somebody's will. */
export const podDisruptionBudgetStrategy: Strategy<PodDisruptionBudget> = {
  resource: podDisruptionBudgets,
  reserved: ['status'],
  columns: [
    nameColumn,
    {
      name: 'Min Available',
      description: 'Pods that must stay.',
      value: ({ spec }) => String(spec.minAvailable ?? 'N/A'),
    },
    {
      name: 'Max Unavailable',
      description: 'Pods that may be away.',
      value: ({ spec }) => String(spec.maxUnavailable ?? 'N/A'),
    },
    {
      name: 'Allowed Disruptions',
      type: 'integer',
      description: 'Pods that may be evicted now.',
      value: ({ status }) => status?.disruptionsAllowed ?? 0,
    },
    ageColumn,
  ],
  subresources: { status: { ...statusSubresource, validate: checkStatus } },
  prepare(budget, old) {
    if (old !== undefined) return
    budget.status = { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 }
  },
  validate({ spec }, _old, report) {
    const place = report.at('spec')
    if (spec.minAvailable !== undefined && spec.maxUnavailable !== undefined) {
      place.invalid(
        goForm('io.k8s.api.policy.v1.PodDisruptionBudgetSpec', spec),
        'minAvailable and maxUnavailable cannot be both set',
      )
    }
    checkBound(spec.minAvailable, place.at('minAvailable'))
    checkBound(spec.maxUnavailable, place.at('maxUnavailable'))
    if (spec.selector !== undefined) checkSelector(spec.selector, place.at('selector'))
    checkOneOf(
      place.at('unhealthyPodEvictionPolicy'),
      ['IfHealthyBudget', 'AlwaysAllow'],
      spec.unhealthyPodEvictionPolicy,
    )
  },
}

function checkBound(bound: IntOrString | undefined, report: Report): void {
  checkCount(report, bound)
  if (typeof bound === 'string' && /^[0-9]+%$/.test(bound) && Number(bound.slice(0, -1)) > 100) {
    report.invalid(bound, 'must not be greater than 100%')
  }
}

function checkStatus({ status }: PodDisruptionBudget, _old: PodDisruptionBudget, report: Report): void {
  const place = report.at('status')
  checkConditions(status?.conditions, place.at('conditions'))
  for (const field of ['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods'] as const) {
    checkAtLeast(place.at(field), 0, status?.[field])
  }
}

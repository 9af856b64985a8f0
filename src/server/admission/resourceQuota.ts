import { resourceQuotas } from '#api/core/v1/resourceQuota.ts'
import { evaluatorOf } from '#machinery/quota/evaluators.ts'
import type { AdmissionPlugin } from './chain.ts'
import { QuotaLedger } from './resourceQuota/ledger.ts'
import type { LimitedResource } from './resourceQuota/limits.ts'

/**
 * Keeps the objects of a namespace together within its quotas. Last in the order: what it charges should happen. What
 * `limits` name is not used at all without a quota that covers it.
 */
export function resourceQuota(limits: readonly LimitedResource[] = []): AdmissionPlugin {
  const ledger = new QuotaLedger(limits)
  return {
    name: 'ResourceQuota',
    validate(request, cluster) {
      const { operation, namespace, resource, subresource } = request
      if (namespace === '' || (operation !== 'CREATE' && operation !== 'UPDATE')) return undefined
      const evaluator = evaluatorOf(resource)
      if (evaluator === undefined || !evaluator.charges(operation, subresource)) return undefined
      if (limits.length === 0 && cluster.list(resourceQuotas, namespace).length === 0) return undefined
      return ledger.charge(request, evaluator, cluster)
    },
  }
}

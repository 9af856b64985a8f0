import { evaluateConditions } from '#machinery/cel/admissionEvaluation.ts'
import { refusal, type AdmissionRequest, type ClusterView } from '../chain.ts'
import { compiledConditions } from '../policies/compiled.ts'
import { inputOf, type AskAccess } from '../policies/input.ts'
import type { Webhook } from './call.ts'
import type { Shown } from './review.ts'

/** Whether the conditions of a webhook hold. Refuses the request when that cannot be told and failures are not ignored. */
export function conditionsHold(
  { matchConditions = [], failurePolicy }: Webhook,
  request: AdmissionRequest,
  shown: Shown,
  cluster: ClusterView,
  access: AskAccess,
): boolean {
  if (matchConditions.length === 0) return true
  const result = evaluateConditions(compiledConditions(matchConditions), inputOf(request, shown, cluster, access))
  if ('matches' in result) return result.matches
  if (failurePolicy === 'Ignore') return false
  throw refusal(request, result.error)
}

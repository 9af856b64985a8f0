import type { CustomResourceDefinition } from '#api/apiextensions/v1/customResourceDefinition.ts'
import { approvalAnnotation, approvalOf, isProtectedGroup } from '#machinery/apiApproval.ts'
import type { Report } from '#machinery/validate/report.ts'

/** Checks that a definition in a protected group is approved. What was so before may stay. */
export function checkApproval(
  definition: CustomResourceDefinition,
  old: CustomResourceDefinition | undefined,
  report: Report,
): void {
  if (!isProtectedGroup(definition.spec.group)) return
  const { state, reason } = approvalOf(definition)
  if (state === 'approved' || state === 'bypassed') return
  if (old !== undefined && approvalOf(old).state === state) return
  const place = report.at('metadata', 'annotations').key(approvalAnnotation)
  if (state === 'missing') place.required(reason)
  else place.invalid(definition.metadata.annotations?.[approvalAnnotation] ?? '', reason)
}

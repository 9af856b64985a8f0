import type { KubeObject } from '#api/resource.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { invalid } from '#machinery/status.ts'
import { createReport, problemCauses } from '#machinery/validate/report.ts'
import { validateObject } from '#machinery/validate/schemaRules.ts'
import { refusalName, type Kind } from '../kind.ts'
import { validateMetadata, validateMetadataUpdate } from '../metadata/rules.ts'
import type { Allocation, ServingContext, Subresource } from '../strategy.ts'

/** Checks everything about an object that is about to be written; throws 422 with all problems. Returns what was reserved. */
export function checkObject(
  kind: Kind,
  object: KubeObject,
  old: KubeObject | undefined,
  serving: ServingContext,
  warn: (text: string) => void,
  subresource?: Subresource,
): Allocation | undefined {
  const { strategy } = kind
  const { report, problems } = createReport()
  if (old === undefined) validateMetadata(kind, object, report.at('metadata'))
  else validateMetadataUpdate(kind, object, old, report.at('metadata'))
  if (subresource?.validate !== undefined && old !== undefined) subresource.validate(object, old, report, serving)
  else strategy.validate?.(object, old, report)
  // Last: the rules of the schema are silent where a rule of the kind spoke.
  if (kind.custom === undefined) validateObject(kind.schema, object, old, report)
  let allocation: Allocation | undefined
  if (problems.length === 0) allocation = strategy.allocate?.(object, old, serving, report)
  if (problems.length > 0) {
    allocation?.release()
    throw invalid(refusalName(kind), object.metadata.name, problemCauses(problems))
  }
  const warnings = subresource === undefined ? strategy.warnings?.(object, old) : subresource.warnings?.(object)
  if (warnings !== undefined) for (const warning of warnings) warn(warning)
  return allocation
}

/** Whether anything changed that raises `metadata.generation`: all but metadata, and the status where it is apart. */
export function changesGeneration(kind: Kind, object: KubeObject, old: KubeObject): boolean {
  const countsStatus = kind.custom !== undefined && kind.strategy.reserved === undefined
  const before = old as unknown as Record<string, unknown>
  const after = object as unknown as Record<string, unknown>
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (key === 'metadata' || (key === 'status' && !countsStatus) || key === 'kind' || key === 'apiVersion') continue
    if (!sameJson(before[key], after[key])) return true
  }
  return false
}

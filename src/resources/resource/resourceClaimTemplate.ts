import { resourceClaimTemplates, type ResourceClaimTemplate } from '#api/resource/v1/resourceClaimTemplate.ts'
import { resourceClaimTemplates as secondBetaTemplates } from '#api/resource/v1beta2/resourceClaimTemplate.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import { goForm } from '#resources/goForm.ts'
import { checkAnnotations, checkLabels } from '#resources/metadata.ts'
import type { Strategy } from '#server/strategy.ts'
import { betaClaimTemplates } from './beta.ts'
import { checkClaimSpec, defaultClaimSpec, dropClaimSpec } from './claimRules.ts'

/** Templates of claims. */
export const resourceClaimTemplateStrategy: Strategy<ResourceClaimTemplate> = {
  resource: resourceClaimTemplates,
  versions: [{ resource: secondBetaTemplates }, betaClaimTemplates],
  unconditionalUpdate: true,
  generation: false,
  answersDeleted: true,
  columns: [nameColumn, ageColumn],
  default: ({ spec }) => defaultClaimSpec(spec.spec),
  prepare: ({ spec }) => dropClaimSpec(spec.spec),
  validate({ spec }, old, report) {
    const place = report.at('spec')
    checkAnnotations(spec.metadata?.annotations, place.at('metadata', 'annotations'))
    checkLabels(spec.metadata?.labels, place.at('metadata', 'labels'))
    checkClaimSpec(spec.spec, place.at('spec'))
    if (old !== undefined && !sameJson(spec, old.spec)) {
      place.invalid(goForm('io.k8s.api.resource.v1.ResourceClaimTemplateSpec', spec), 'field is immutable')
    }
  },
}

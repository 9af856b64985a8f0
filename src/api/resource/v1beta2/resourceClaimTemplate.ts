// Templates of claims in the shape of v1.
import { resource } from '#api/resource.ts'
import { resourceClaimTemplates as stable, type ResourceClaimTemplate } from '../v1/resourceClaimTemplate.ts'

export type {
  ResourceClaimTemplate,
  ResourceClaimTemplateList,
  ResourceClaimTemplateSpec,
} from '../v1/resourceClaimTemplate.ts'

/** The kind ResourceClaimTemplate in v1beta2. */
export const resourceClaimTemplates = resource<ResourceClaimTemplate>({ ...stable, version: 'v1beta2' })

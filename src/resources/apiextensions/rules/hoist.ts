// Upstream keeps definitions in an older form, in which what is the same for all versions stands once, beside them. Its
// messages name the places of that form: with one version, `spec.validation` and not `spec.versions[0].schema`.
import type {
  CustomResourceColumnDefinition,
  CustomResourceDefinitionSpec,
  CustomResourceDefinitionVersion,
  CustomResourceSubresources,
  CustomResourceValidation,
  SelectableField,
} from '#api/apiextensions/v1/customResourceDefinition.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'

/** What a version may leave to all versions. */
interface Shared {
  readonly schema?: CustomResourceValidation
  readonly subresources?: CustomResourceSubresources
  readonly additionalPrinterColumns?: CustomResourceColumnDefinition[]
  readonly selectableFields?: SelectableField[]
}

/** A definition with what is the same for all versions beside them. */
export interface HoistedSpec {
  readonly shared: Shared
  readonly versions: readonly CustomResourceDefinitionVersion[]
}

const words = ['schema', 'subresources', 'additionalPrinterColumns', 'selectableFields'] as const

/** Takes what all versions say alike out of them. */
export function hoist({ versions }: CustomResourceDefinitionSpec): HoistedSpec {
  const [first] = versions
  if (first === undefined) return { shared: {}, versions }
  const shared: Record<string, unknown> = {}
  const rest = versions.map((version) => ({ ...version }))
  for (const word of words) {
    if (!versions.every((version) => sameJson(version[word], first[word]))) continue
    if (first[word] !== undefined) shared[word] = first[word]
    for (const version of rest) delete version[word]
  }
  return { shared, versions: rest }
}

// The rules of a definition as a whole, in upstream's order.
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionSpec,
  CustomResourceDefinitionVersion,
  CustomResourceSubresources,
  CustomResourceValidation,
  SelectableField,
} from '#api/apiextensions/v1/customResourceDefinition.ts'
import { isConditionTrue } from '#machinery/conditions.ts'
import { toSchema } from '#machinery/structural/toSchema.ts'
import { dns1035LabelProblems, dnsSubdomainProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { goForm } from '#resources/goForm.ts'
import { checkImmutable } from '#resources/rules.ts'
import { checkApproval } from './approval.ts'
import { checkConversion } from './conversion.ts'
import { hoist } from './hoist.ts'
import { leniencyOf, type Leniency } from './leniency.ts'
import { checkColumn, checkSelectableFields, checkSubresources } from './parts.ts'
import { checkValidation } from './validation.ts'

/** Checks a definition that is new, or that is to replace `old`. */
export function checkDefinition(
  definition: CustomResourceDefinition,
  old: CustomResourceDefinition | undefined,
  report: Report,
): void {
  const { spec, status, metadata } = definition
  if (old === undefined && metadata.name !== `${spec.names.plural}.${spec.group}`) {
    report.at('metadata', 'name').invalid(metadata.name, 'must be spec.names.plural+"."+spec.group')
  }
  checkSpec(spec, leniencyOf(definition, old), report)
  if (old !== undefined) checkImmutables(spec, old, report.at('spec'))
  checkNames(status?.acceptedNames, report.at('status', 'acceptedNames'))
  checkStoredVersions(definition, report.at('status', 'storedVersions'))
  checkApproval(definition, old, report)
  if (old?.spec.preserveUnknownFields !== true && spec.preserveUnknownFields === true) {
    const problem =
      'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead'
    report.at('spec', 'preserveUnknownFields').invalid(true, problem)
  }
}

/** What decides where objects are stored stays as it is: from the beginning, or once they are. */
function checkImmutables(spec: CustomResourceDefinitionSpec, old: CustomResourceDefinition, report: Report): void {
  if (isConditionTrue(old.status?.conditions, 'Established')) {
    checkImmutable(report.at('scope'), spec.scope, old.spec.scope)
    checkImmutable(report.at('names', 'kind'), spec.names.kind, old.spec.names.kind)
  }
  checkImmutable(report.at('group'), spec.group, old.spec.group)
  checkImmutable(report.at('names', 'plural'), spec.names.plural, old.spec.names.plural)
}

function checkSpec(spec: CustomResourceDefinitionSpec, leniency: Leniency, root: Report): void {
  const report = root.at('spec')
  const { group, scope, names, conversion } = spec
  const groupProblems = dnsSubdomainProblems(group)
  if (group === '') report.at('group').required()
  else if (groupProblems.length > 0) report.at('group').invalid(group, groupProblems.join(','))
  else if (!group.includes('.')) report.at('group').invalid(group, 'should be a domain with at least one dot')
  if (scope === '') report.at('scope').required()
  else if (scope !== 'Cluster' && scope !== 'Namespaced') {
    report.at('scope').notSupported(scope, ['Cluster', 'Namespaced'])
  }
  checkVersions(spec, leniency, root)
  for (const word of ['plural', 'singular', 'kind', 'listKind'] as const) {
    if ((names[word] ?? '') === '') report.at('names', word).required()
  }
  checkNames(names, report.at('names'))
  const { shared } = hoist(spec)
  const hasStatus = spec.versions.some(({ subresources }) => subresources?.status !== undefined)
  checkPart(shared.schema, hasStatus, leniency, root, 'spec.validation')
  checkParts(shared, report, leniency.selectableFields(''), shared.schema, 'all')
  if (conversion !== undefined) {
    if (conversion.strategy !== 'None' && spec.preserveUnknownFields === true) {
      const problem = 'must be None if spec.preserveUnknownFields is true'
      report.at('conversion', 'strategy').invalid(conversion.strategy, problem)
    }
    checkConversion(conversion, leniency.unknownReviews, report.at('conversion'))
  }
}

function checkVersions(spec: CustomResourceDefinitionSpec, leniency: Leniency, root: Report): void {
  const report = root.at('spec', 'versions')
  const { versions } = hoist(spec)
  if (!leniency.missingSchemas) {
    for (const [i, { schema }] of spec.versions.entries()) {
      if (schema?.openAPIV3Schema === undefined) {
        report.at(i, 'schema', 'openAPIV3Schema').required('schemas are required')
      }
    }
  }
  for (const [i, version] of versions.entries()) {
    const place = report.at(i)
    const problems = dns1035LabelProblems(version.name)
    if (problems.length > 0) place.at('name').invalid(version.name, problems.join(','))
    checkDeprecation(version, place.at('deprecationWarning'))
    const hasStatus = spec.versions[i]!.subresources?.status !== undefined
    checkPart(version.schema, hasStatus, leniency, root, `spec.versions[${i}].schema`)
    checkParts(version, place, leniency.selectableFields(version.name), version.schema, 'version')
  }
  const form = (): object[] => versions.map((version) => goForm(versionDefinition, version))
  if (new Set(versions.map(({ name }) => name)).size < versions.length) {
    report.invalid(form(), 'must contain unique version names')
  }
  if (versions.filter(({ storage }) => storage).length !== 1) {
    report.invalid(form(), 'must have exactly one version marked as storage version')
  }
  const [first] = versions
  const problems = first === undefined || first.name === '' ? [] : dns1035LabelProblems(first.name)
  if (problems.length > 0) root.at('spec', 'version').invalid(first!.name, problems.join(','))
}

const versionDefinition = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionVersion'

function checkPart(
  validation: CustomResourceValidation | undefined,
  hasStatus: boolean,
  leniency: Leniency,
  root: Report,
  path: string,
): void {
  if (validation?.openAPIV3Schema === undefined) return
  checkValidation(validation.openAPIV3Schema, hasStatus, leniency, root, `${path}.openAPIV3Schema`)
}

/**
 * Fields and schema must stand in the same place of upstream's form: versions that agree in one of the two alone are refused
 * (kubernetes#140689), in these words.
 */
const fieldsWithoutSchema = {
  version: 'selectableFields may only be set when version.schema.openAPIV3Schema is not included',
  all: 'selectableFields may only be set when validations.schema is included',
} as const

/** Checks what a version, or all of them together, has beside the schema. */
function checkParts(
  parts: {
    readonly subresources?: CustomResourceSubresources
    readonly additionalPrinterColumns?: CustomResourceDefinitionVersion['additionalPrinterColumns']
    readonly selectableFields?: SelectableField[]
  },
  report: Report,
  mayBeMany: boolean,
  validation: CustomResourceValidation | undefined,
  of: 'version' | 'all',
): void {
  if (parts.subresources !== undefined) checkSubresources(parts.subresources, report.at('subresources'))
  for (const [i, column] of (parts.additionalPrinterColumns ?? []).entries()) {
    checkColumn(column, report.at('additionalPrinterColumns', i))
  }
  if (parts.selectableFields === undefined || parts.selectableFields.length === 0) return
  const place = report.at('selectableFields')
  if (validation?.openAPIV3Schema === undefined) return place.invalid('', fieldsWithoutSchema[of])
  checkSelectableFields(parts.selectableFields, toSchema(validation.openAPIV3Schema), mayBeMany, place)
}

function checkDeprecation({ deprecated, deprecationWarning }: CustomResourceDefinitionVersion, report: Report): void {
  if (deprecationWarning === undefined) return
  const wrong = (problem: string): void => report.invalid(deprecationWarning, problem)
  if (deprecated !== true) return wrong('can only be set for deprecated versions')
  if (new TextEncoder().encode(deprecationWarning).length > 256) wrong('must be <= 256 characters long')
  if (deprecationWarning === '') wrong('must not be an empty string')
  const at = [...deprecationWarning].findIndex((character) => /[^\P{C}]|[\p{Z}--[ ]]/v.test(character))
  if (at >= 0) {
    wrong(`must only contain printable UTF-8 characters; non-printable character found at index ${at}`)
  }
}

function checkNames(names: CustomResourceDefinitionNames | undefined, report: Report): void {
  if (names === undefined) return
  const checkWord = (place: Report, word: string | undefined, mixed = false): void => {
    if (word === undefined || word === '') return
    const problems = dns1035LabelProblems(mixed ? word.toLowerCase() : word)
    if (problems.length === 0) return
    place.invalid(word, `${mixed ? 'may have mixed case, but should otherwise match: ' : ''}${problems.join(',')}`)
  }
  checkWord(report.at('plural'), names.plural)
  checkWord(report.at('singular'), names.singular)
  checkWord(report.at('kind'), names.kind, true)
  checkWord(report.at('listKind'), names.listKind, true)
  const checkAll = (word: 'shortNames' | 'categories'): void => {
    for (const [i, name] of (names[word] ?? []).entries()) {
      const problems = dns1035LabelProblems(name)
      if (problems.length > 0) report.at(word, i).invalid(name, problems.join(','))
    }
  }
  checkAll('shortNames')
  if (names.kind !== '' && names.kind === names.listKind) {
    report.at('listKind').invalid(names.listKind, 'kind and listKind may not be the same')
  }
  checkAll('categories')
}

/** Objects may be stored in any of these, so all of them must be versions still. */
function checkStoredVersions({ spec, status }: CustomResourceDefinition, report: Report): void {
  const stored = status?.storedVersions ?? []
  if (stored.length === 0) return report.invalid(null, 'must have at least one stored version')
  for (const { name, storage } of spec.versions) {
    if (storage && !stored.includes(name)) report.invalid(stored, `must have the storage version ${name}`)
  }
  for (const [i, name] of stored.entries()) {
    if (spec.versions.some((version) => version.name === name)) continue
    const problem = `missing from spec.versions; ${name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`
    report.at(i).invalid(name, problem)
  }
}

/** Checks what a status may say. */
export function checkStatus(definition: CustomResourceDefinition, report: Report): void {
  checkNames(definition.status?.acceptedNames, report.at('status', 'acceptedNames'))
}

// What is stored may break rules that came later. A definition that did so before may go on to; a new one may not.
import type { CustomResourceDefinition } from '#api/apiextensions/v1/customResourceDefinition.ts'
import type { JSONSchemaProps } from '#api/apiextensions/v1/jsonSchema.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { prune } from '#machinery/structural/prune.ts'
import { toSchema } from '#machinery/structural/toSchema.ts'
import type { Schema } from '#machinery/schema/model.ts'
import { createReport } from '#machinery/validate/report.ts'
import { checkKeysHaveValues, splitItemOfSet, type SchemaLeniency } from './schema.ts'
import { structuralProblems, unsupportedSchema } from '#machinery/structural/structuralRules.ts'
import { someSchema } from './walk.ts'

/** Which rules a definition is let off. */
export interface Leniency extends SchemaLeniency {
  readonly missingSchemas: boolean
  readonly nonStructural: boolean
  readonly unprunedDefaults: boolean
  readonly unknownReviews: boolean
  /** Whether a schema was there before: its rules are not too expensive now. */
  isKnown(schema: JSONSchemaProps): boolean
  /** Whether a version (`''`: all together) may have too many selectable fields. */
  selectableFields(version: string): boolean
}

const strict: Leniency = {
  missingSchemas: false,
  nonStructural: false,
  unknownTypes: false,
  unprunedDefaults: false,
  setsOfObjects: false,
  mapKeysWithoutValue: false,
  unknownReviews: false,
  isKnown: () => false,
  selectableFields: () => false,
}

const types = new Set(['array', 'boolean', 'integer', 'number', 'object', 'string'])

/** The rules that a definition may break because the one that it replaces does. */
export function leniencyOf(definition: CustomResourceDefinition, old: CustomResourceDefinition | undefined): Leniency {
  if (old === undefined) return strict
  const { versions, conversion } = old.spec
  const schemas = versions.flatMap(({ schema }) =>
    schema?.openAPIV3Schema === undefined ? [] : [schema.openAPIV3Schema],
  )
  const some = (has: (schema: JSONSchemaProps) => boolean): boolean => schemas.some((schema) => someSchema(schema, has))
  const reviews = conversion?.webhook?.conversionReviewVersions ?? []
  const isNonStructural = (schema: JSONSchemaProps): boolean =>
    unsupportedSchema(schema) !== undefined || structuralProblems(schema, '').length > 0
  const mayPrune = definition.spec.preserveUnknownFields !== true
  return {
    missingSchemas: schemas.length < versions.length,
    nonStructural: !mayPrune && schemas.some(isNonStructural),
    unknownTypes: some(({ type = '' }) => type !== '' && !types.has(type)),
    unprunedDefaults: schemas.some((schema) => !isNonStructural(schema) && hasUnprunedDefault(toSchema(schema), true)),
    setsOfObjects: some((schema) => splitItemOfSet(schema) !== undefined),
    mapKeysWithoutValue: some((schema) => {
      const { report, problems } = createReport()
      checkKeysHaveValues(schema, report)
      return problems.length > 0
    }),
    unknownReviews: reviews.length > 0 && !reviews.includes('v1') && !reviews.includes('v1beta1'),
    isKnown: (schema) => schemas.some((each) => sameJson(each, schema)),
    selectableFields: (name) =>
      definition.spec.versions.some(
        (version) =>
          (name === '' || version.name === name) &&
          (version.selectableFields?.length ?? 0) > 8 &&
          versions.some(
            (before) => before.name === version.name && sameJson(before.selectableFields, version.selectableFields),
          ),
      ),
  }
}

function hasUnprunedDefault(schema: Schema, isRoot: boolean): boolean {
  if (schema.default !== undefined) {
    const value = structuredClone(schema.default)
    prune(schema, value, isRoot || schema.embeddedResource === true)
    if (!sameJson(value, schema.default)) return true
  }
  const below = [...Object.values(schema.properties ?? {}), ...(schema.items === undefined ? [] : [schema.items])]
  return below.some((each) => hasUnprunedDefault(each, false))
}

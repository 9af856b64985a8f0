import type { JSONSchemaProps } from '#api/apiextensions/v1/jsonSchema.ts'
import { toSchema } from '#machinery/structural/toSchema.ts'
import { createReport, type FieldProblem, type Report } from '#machinery/validate/report.ts'
import { goForm } from '#resources/goForm.ts'
import { checkDefaults } from './defaults.ts'
import { checkExpressions } from './expressions.ts'
import type { Leniency } from './leniency.ts'
import { checkSchema } from './schema.ts'
import { structuralProblems, unsupportedSchema } from '#machinery/structural/structuralRules.ts'

/**
 * Checks the schema of a version. `root` is the report of the whole definition, `path` where the schema stands in it,
 * `hasStatus` whether the status is checked apart, by what the schema says of it alone.
 */
export function checkValidation(
  schema: JSONSchemaProps,
  hasStatus: boolean,
  leniency: Leniency,
  root: Report,
  path: string,
): void {
  const found: FieldProblem[] = []
  const collect = (check: (report: Report) => void): void => {
    const { report, problems } = createReport(path)
    check(report)
    found.push(...problems)
  }
  collect((report) => {
    if (hasStatus) checkRoot(schema, report)
    if (schema.nullable === true) report.at('nullable').forbidden('nullable cannot be true at the root')
  })
  const unsupported = unsupportedSchema(schema)
  if (!leniency.nonStructural && unsupported === undefined) {
    const structural = structuralProblems(schema, path)
    found.push(...structural)
    if (structural.length === 0) {
      collect((report) => checkDefaults(toSchema(schema), !leniency.unprunedDefaults, report))
    }
  }
  collect((report) => checkSchema(schema, leniency, report))
  // Types of a schema that is wrong would be wrong, too.
  if (found.length === 0 && unsupported === undefined) {
    collect((report) => checkExpressions(schema, leniency.isKnown(schema), report))
  }
  for (const { field, type, detail, value } of found) root.at(field).problem(type, detail, value)
  // The rules of single words say the same, and where.
  if (found.length === 0 && unsupported !== undefined && !leniency.nonStructural) root.at(path).invalid('', unsupported)
}

const rootWords = [
  'description',
  'type',
  'format',
  'title',
  'maximum',
  'exclusiveMaximum',
  'minimum',
  'exclusiveMinimum',
  'maxLength',
  'minLength',
  'pattern',
  'maxItems',
  'minItems',
  'uniqueItems',
  'multipleOf',
  'required',
  'items',
  'properties',
  'externalDocs',
  'example',
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-validations',
]

const goName = (word: string): string =>
  word
    .replace(/^x-kubernetes/, 'X')
    .replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
    .replace(/^./, (letter) => letter.toUpperCase())

/** What stands at the root beside the status must not say anything about it. */
function checkRoot(schema: JSONSchemaProps, report: Report): void {
  for (const word of Object.keys(schema)) {
    if (word === 'type' && schema.type !== 'object') {
      const problem =
        'only "object" is allowed as the type at the root of the schema if the status subresource is enabled'
      return report.at('type').invalid(schema.type, problem)
    }
    if (rootWords.includes(word)) continue
    const allowed = rootWords.map(goName).join(' ')
    const definition = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps'
    const problem = `only [${allowed}] fields are allowed at the root of the schema if the status subresource is enabled`
    return report.invalid(goForm(definition, schema), problem)
  }
}

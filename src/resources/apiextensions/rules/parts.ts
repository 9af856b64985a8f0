// The rules of what a version has beside its schema: subresources, columns, selectable fields.
import type {
  CustomResourceColumnDefinition,
  CustomResourceSubresources,
  SelectableField,
} from '#api/apiextensions/v1/customResourceDefinition.ts'
import type { Schema } from '#machinery/schema/model.ts'
import { fieldPathIn } from '#machinery/structural/fieldPath.ts'
import type { Report } from '#machinery/validate/report.ts'

/** Checks the parts of objects that have paths of their own. */
export function checkSubresources({ scale }: CustomResourceSubresources, report: Report): void {
  if (scale === undefined) return
  const checkPath = (name: string, path: string, roots: readonly string[], where: string): void => {
    const place = report.at(`scale.${name}`)
    if (!path.startsWith('.')) place.invalid(path, 'must be a simple json path starting with .')
    else if (!roots.some((root) => path.startsWith(root))) place.invalid(path, `should be a json path under ${where}`)
  }
  const { specReplicasPath, statusReplicasPath, labelSelectorPath = '' } = scale
  if (specReplicasPath === '') report.at('scale.specReplicasPath').required()
  else checkPath('specReplicasPath', specReplicasPath, ['.spec.'], '.spec')
  if (statusReplicasPath === '') report.at('scale.statusReplicasPath').required()
  else checkPath('statusReplicasPath', statusReplicasPath, ['.status.'], '.status')
  if (labelSelectorPath !== '') {
    checkPath('labelSelectorPath', labelSelectorPath, ['.spec.', '.status.'], 'either .spec or .status')
  }
}

const cellTypes = ['boolean', 'date', 'integer', 'number', 'string']
const cellFormats = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password']

/** Checks one column of tables. */
export function checkColumn(
  { name, type, format = '', jsonPath }: CustomResourceColumnDefinition,
  report: Report,
): void {
  const oneOf = (words: readonly string[]): string => `must be one of ${words.join(',')}`
  if (name === '') report.at('name').required()
  if (type === '') report.at('type').required(oneOf(cellTypes))
  else if (!cellTypes.includes(type)) report.at('type').invalid(type, oneOf(cellTypes))
  if (format !== '' && !cellFormats.includes(format)) report.at('format').invalid(format, oneOf(cellFormats))
  if (jsonPath === '') report.at('JSONPath').required()
  else if (!jsonPath.startsWith('.')) {
    report.at('JSONPath').invalid(jsonPath, 'must be a simple json path starting with .')
  }
}

const mostSelectableFields = 8

/** Checks the fields that selectors may name. `mayBeMany`: they were too many before. */
export function checkSelectableFields(
  fields: readonly SelectableField[],
  schema: Schema,
  mayBeMany: boolean,
  report: Report,
): void {
  const seen = new Set<string>()
  for (const [i, { jsonPath }] of fields.entries()) {
    const place = report.at(i, 'jsonPath')
    if (jsonPath === '') {
      place.required()
      continue
    }
    const path = fieldPathIn(schema, jsonPath, { brackets: false })
    if ('problem' in path) {
      place.invalid(jsonPath, `is an invalid path: ${path.problem}`)
      continue
    }
    if (path.steps[0]?.name === 'metadata') place.invalid(jsonPath, 'must not point to fields in metadata')
    if (!['string', 'boolean', 'integer'].includes(path.schema?.type ?? '')) {
      const problem =
        'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.'
      place.invalid(jsonPath, problem)
    }
    const key = JSON.stringify(path.steps)
    if (seen.has(key)) place.duplicate(jsonPath)
    seen.add(key)
  }
  if (seen.size > mostSelectableFields && !mayBeMany) report.tooMany(seen.size, mostSelectableFields)
}

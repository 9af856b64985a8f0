// Compares the schema of the built-in kinds with an official OpenAPI document (version 2 or 3):
//   node tools/checkOpenApi.ts OPENAPI.json
// Prints each difference in the groups that we have, one a line, and ends with 1 when there is one. Descriptions are
// our own and are not compared; defaults and enums are, where the document has them.
import { readFileSync } from 'node:fs'
import { definitions } from '#machinery/schema/load.ts'
import { isObject, type GroupVersionKind, type JsonObject, type Schema } from '#machinery/schema/model.ts'

/** One node of an official document: a definition, a property, or what items and map values are. */
interface OpenApiSchema {
  readonly type?: string
  readonly format?: string
  readonly $ref?: string
  readonly allOf?: readonly OpenApiSchema[]
  readonly oneOf?: readonly OpenApiSchema[]
  readonly properties?: Readonly<Record<string, OpenApiSchema>>
  readonly additionalProperties?: OpenApiSchema
  readonly items?: OpenApiSchema
  readonly required?: readonly string[]
  readonly default?: unknown
  readonly enum?: readonly unknown[]
  readonly 'x-kubernetes-list-type'?: string
  readonly 'x-kubernetes-list-map-keys'?: readonly string[]
  readonly 'x-kubernetes-map-type'?: string
  readonly 'x-kubernetes-patch-strategy'?: string
  readonly 'x-kubernetes-patch-merge-key'?: string
  readonly 'x-kubernetes-group-version-kind'?: readonly GroupVersionKind[]
}

/** Named types that are scalars here, by the format that stands for them. */
const scalars: Readonly<Record<string, string>> = {
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON': 'json',
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray': 'or-list',
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool': 'or-boolean',
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray': 'or-texts',
  'io.k8s.apimachinery.pkg.api.resource.Quantity': 'quantity',
  'io.k8s.apimachinery.pkg.apis.meta.v1.Time': 'time',
  'io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime': 'micro-time',
  'io.k8s.apimachinery.pkg.apis.meta.v1.Duration': 'duration',
  'io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1': 'fields',
  'io.k8s.apimachinery.pkg.runtime.RawExtension': 'raw',
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': 'int-or-string',
}

/** Formats that an official document spells otherwise. */
const formats: Readonly<Record<string, string>> = { 'date-time': 'time' }

/** The differences between an official document and our definitions, in the groups that both have. */
export function compareOpenApi(document: JsonObject, ours: ReadonlyMap<string, Schema>): string[] {
  const official = officialDefinitions(document)
  const groups = new Set([...ours.keys()].map(groupOf))
  const differences: string[] = []
  for (const [name, theirs] of Object.entries(official)) {
    if (theirs.properties === undefined || !groups.has(groupOf(name))) continue
    const own = ours.get(name)
    if (own === undefined) differences.push(`${name}: missing`)
    else compareDefinition(name, theirs, own, differences)
  }
  return differences
}

function officialDefinitions(document: JsonObject): Readonly<Record<string, OpenApiSchema>> {
  const components = document['components']
  const definitions = document['definitions'] ?? (isObject(components) ? components['schemas'] : undefined)
  if (!isObject(definitions)) throw new Error('not an OpenAPI document: neither definitions nor components.schemas')
  return definitions as Record<string, OpenApiSchema>
}

function compareDefinition(name: string, theirs: OpenApiSchema, own: Schema, differences: string[]): void {
  const report = (at: string, what: string, expected: unknown, found: unknown): void => {
    const [left, right] = [JSON.stringify(expected) ?? 'none', JSON.stringify(found) ?? 'none']
    if (left !== right) differences.push(`${at}: ${what} is ${right}, officially ${left}`)
  }
  const fields = theirs.properties ?? {}
  const ownFields = own.properties ?? {}
  for (const [field, their] of Object.entries(fields)) {
    const at = `${name}.${field}`
    const ownField = ownFields[field]
    if (ownField === undefined) {
      differences.push(`${at}: missing`)
      continue
    }
    report(at, 'type', officialType(their), ownType(ownField))
    const { listType, listMapKeys } = ownField
    // Lists without a list type are atomic; the one object that has a list type upstream means nothing by it.
    if (their.items !== undefined) {
      report(at, 'list type', their['x-kubernetes-list-type'] ?? 'atomic', listType ?? 'atomic')
    }
    report(at, 'list map keys', their['x-kubernetes-list-map-keys'], listMapKeys)
    const atomic = their['x-kubernetes-map-type'] === 'atomic'
    if (targetOf(their) === undefined) report(at, 'atomic map', atomic, ownField.mapType === 'atomic')
    const strategy = (their['x-kubernetes-patch-strategy'] ?? '').split(',')
    const mergeKey = strategy.includes('merge') ? (their['x-kubernetes-patch-merge-key'] ?? '') : undefined
    report(at, 'merge key', mergeKey, ownField.mergeKey)
    report(at, 'retain keys', strategy.includes('retainKeys'), ownField.retainKeys ?? false)
    report(at, 'patch by replacement', strategy.includes('replace'), ownField.patchReplace ?? false)
    if (their.enum !== undefined) report(at, 'enum', their.enum.toSorted(), ownField.enum?.toSorted())
    if (isTelling(their.default)) report(at, 'default', their.default, ownField.default)
  }
  for (const field of Object.keys(ownFields)) {
    if (fields[field] === undefined) {
      differences.push(`${name}.${field}: not in the official document`)
    }
  }
  report(name, 'required', (theirs.required ?? []).toSorted(), (own.required ?? []).toSorted())
  report(name, 'atomic', theirs['x-kubernetes-map-type'] === 'atomic', own.mapType === 'atomic')
  const kinds = theirs['x-kubernetes-group-version-kind'] ?? []
  if (
    fields['kind'] !== undefined &&
    kinds.length > 0 &&
    !kinds.some((kind) => kindName(kind) === kindName(own.kind))
  ) {
    report(name, 'kind', kinds.map(kindName), kindName(own.kind))
  }
}

const kindName = (kind: GroupVersionKind | undefined): string | undefined =>
  kind && `${kind.group}/${kind.version} ${kind.kind}`

/** The generic defaults `{}`, `""`, `0` and `false` of required values say nothing that the type does not. */
function isTelling(value: unknown): boolean {
  if (isObject(value)) return Object.keys(value).length > 0
  return value !== undefined && value !== '' && value !== 0 && value !== false
}

/** The group and version of a definition, such as `io.k8s.api.apps.v1`. */
const groupOf = (definition: string): string => definition.slice(0, definition.lastIndexOf('.'))

/** The definition that a node refers to; version 3 wraps references that have siblings in `allOf`. */
function targetOf(schema: OpenApiSchema): string | undefined {
  const reference = schema.$ref ?? (schema.allOf?.length === 1 ? schema.allOf[0]?.$ref : undefined)
  return reference?.slice(reference.lastIndexOf('/') + 1)
}

function officialType(schema: OpenApiSchema): string {
  const target = targetOf(schema)
  if (target !== undefined) return scalars[target] ?? target
  if (schema.items !== undefined) return `${officialType(schema.items)}[]`
  if (schema.additionalProperties !== undefined) return `map of ${officialType(schema.additionalProperties)}`
  const { format } = schema
  return (format === undefined ? schema.type : (formats[format] ?? format)) ?? 'any'
}

function ownType(schema: Schema): string {
  if (schema.format !== undefined) return schema.format
  if (schema.definition !== undefined) return schema.definition
  if (schema.items !== undefined) return `${ownType(schema.items)}[]`
  if (typeof schema.additionalProperties === 'object') return `map of ${ownType(schema.additionalProperties)}`
  return schema.type ?? 'any'
}

function main(args: readonly string[]): number {
  const [path, ...rest] = args
  if (path === undefined || rest.length > 0) {
    console.error('usage: node tools/checkOpenApi.ts OPENAPI.json')
    return 2
  }
  const document: unknown = JSON.parse(readFileSync(path, 'utf8'))
  if (!isObject(document)) throw new Error(`${path} holds no JSON object`)
  const differences = compareOpenApi(document, definitions())
  for (const difference of differences) console.log(difference)
  console.error(`${differences.length} differences`)
  return differences.length === 0 ? 0 : 1
}

if (import.meta.main) process.exitCode = main(process.argv.slice(2))

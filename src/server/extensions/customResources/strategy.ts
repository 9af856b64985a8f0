// A custom kind as a strategy: everything that a built-in kind says in code, read from its definition.
import type {
  CustomResourceColumnDefinition,
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
} from '#api/apiextensions/v1/customResourceDefinition.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import { resource } from '#api/resource.ts'
import { ownValue } from '#lib/collections/ownValue.ts'
import { ageOf } from '#machinery/humanDuration.ts'
import { parseJsonPath } from '#machinery/jsonPath.ts'
import { hasRules } from '#machinery/cel/evaluateRules.ts'
import { isObject, type JsonObject, type Schema } from '#machinery/schema/model.ts'
import { compareVersions } from '#machinery/versions.ts'
import type { Column, Strategy } from '../../strategy.ts'
import { scaleSubresource } from './scale.ts'
import { checkObject, checkStatus, finalizerWarnings, type CheckedForm } from './rules.ts'

/** The kind that a version of a definition serves, under its accepted names. */
export function resourceOf(definition: CustomResourceDefinition, version: string): Resource {
  const { spec, status } = definition
  const names = status?.acceptedNames ?? spec.names
  return resource({
    group: spec.group,
    version,
    kind: names.kind,
    plural: names.plural,
    singular: names.singular ?? names.kind.toLowerCase(),
    ...(names.shortNames === undefined ? {} : { shortNames: names.shortNames }),
    ...(names.categories === undefined ? {} : { categories: names.categories }),
    scope: spec.scope === 'Cluster' ? 'Cluster' : 'Namespaced',
  })
}

/** How a version is served. */
export function strategyOf(
  definition: CustomResourceDefinition,
  version: CustomResourceDefinitionVersion,
  schema: Schema,
): Strategy<KubeObject> {
  const { status, scale } = version.subresources ?? {}
  const forgiven = new WeakMap<KubeObject, string[]>()
  const form = { schema, scale, hasRules: hasRules(schema) }
  const formOf = (object: KubeObject): CheckedForm => ({
    ...form,
    warn(text) {
      const texts = forgiven.get(object)
      if (texts === undefined) forgiven.set(object, [text])
      else texts.push(text)
    },
  })
  return {
    resource: resourceOf(definition, version.name),
    verbs,
    plainFinalizers: true,
    isOpen: true,
    columns: [nameColumn, ...(version.additionalPrinterColumns ?? [ageColumn]).map(columnOf)],
    ...(status === undefined ? {} : { reserved: ['status'] }),
    subresources: {
      ...(status === undefined
        ? {}
        : {
            status: {
              verbs: ['get', 'patch', 'update'],
              writes: ['status'],
              validate: (object, old, report) => checkStatus(formOf(object), object, old, report),
            },
          }),
      ...(scale === undefined ? {} : { scale: scaleSubresource(scale, formOf) }),
    },
    selectableFields: Object.fromEntries(
      (version.selectableFields ?? []).map(({ jsonPath }) => [jsonPath.slice(1), fieldText(jsonPath)]),
    ),
    ...(version.deprecated === true ? { deprecation: deprecationOf(definition, version) } : {}),
    validate: (object, old, report) => checkObject(formOf(object), object, old, report),
    warnings: (object, old) => [...(forgiven.get(object) ?? []), ...finalizerWarnings(object, old)],
  }
}

const verbs = ['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch'] as const

const nameColumn: Column = {
  name: 'Name',
  format: 'name',
  description: 'Name of the object; unique in its namespace and fixed when the object is created.',
  // A bookmark has none.
  value: ({ metadata }) => (metadata as Partial<KubeObject['metadata']>).name ?? '',
}

const ageColumn: CustomResourceColumnDefinition = {
  name: 'Age',
  type: 'date',
  description: 'When the object was created.',
  jsonPath: '.metadata.creationTimestamp',
}

function columnOf(column: CustomResourceColumnDefinition): Column {
  const { name, type, format, description = '', priority = 0, jsonPath } = column
  const path = parseJsonPath(jsonPath)
  return {
    name,
    type: type as NonNullable<Column['type']>,
    ...(format === undefined ? {} : { format }),
    priority,
    description:
      description === '' ? `Custom resource definition column (in JSONPath format): ${jsonPath}` : description,
    value(object, now) {
      const [found] = 'find' in path ? path.find(object) : []
      return found === undefined ? null : cellOf(type, found, now)
    },
  }
}

/** A value as the cell of a column; null when it is of another type. */
function cellOf(type: string, value: unknown, now: number): string | number | boolean | null {
  switch (type) {
    case 'string':
      if (value === null) return '<no value>'
      return typeof value === 'object' ? JSON.stringify(value) : String(value)
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : null
    case 'number':
      return typeof value === 'number' ? value : null
    case 'boolean':
      return typeof value === 'boolean' ? value : null
    case 'date':
      if (typeof value !== 'string') return null
      return Number.isNaN(Date.parse(value)) ? '<invalid>' : ageOf(value, now)
    default:
      return null
  }
}

/** Reads a selectable field as text; absent ones are empty. */
function fieldText(jsonPath: string): (object: KubeObject) => string {
  const names = jsonPath.slice(1).split('.')
  return (object) => {
    let at: unknown = object
    for (const name of names) at = isObject(at) ? ownValue(at as JsonObject, name) : undefined
    return at === undefined || at === null ? '' : String(at)
  }
}

/** What users of a version are told: its own warning, or the version to use instead. */
function deprecationOf({ spec }: CustomResourceDefinition, version: CustomResourceDefinitionVersion): string {
  if (version.deprecationWarning !== undefined) return version.deprecationWarning
  const { kind } = spec.names
  const text = `${spec.group}/${version.name} ${kind} is deprecated`
  const [best] = spec.versions
    .filter(({ served, deprecated, name }) => served && deprecated !== true && compareVersions(version.name, name) < 0)
    .map(({ name }) => name)
    .toSorted((a, b) => compareVersions(b, a))
  return best === undefined ? text : `${text}; use ${spec.group}/${best} ${kind}`
}

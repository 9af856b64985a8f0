/**
 * What expressions know of values that a structural schema describes: their types, how large they may be, and how their
 * JSON is read. Made lazily, so that schemas that contain themselves can be declared.
 *
 * Source of the sizes: KEP-2876, "Resource constraints"; the numbers are those of apiserver's cel library.
 */
import {
  boolType,
  bytesType,
  doubleType,
  durationType,
  dynType,
  intType,
  listType,
  mapType,
  stringType,
  structType,
  timestampType,
  type Type,
} from '#lib/cel/types.ts'
import type { Schema } from '#machinery/schema/model.ts'
import { escapeFieldName, isReservedName } from './fieldNames.ts'

/** No request is larger, and so nothing in one. */
export const mostRequestBytes = 3 * 1024 * 1024

export interface DeclaredField {
  /** The field's name in JSON. */
  readonly name: string
  readonly declared: DeclaredType
}

/** How the text of a string is to be read. */
export type TextFormat = 'byte' | 'duration' | 'date' | 'date-time'

export class DeclaredType {
  readonly schema: Schema
  /** What the language calls it. */
  readonly type: Type
  /** The most characters, items or entries; 0 where nothing is counted. */
  readonly most: number
  /** The fewest bytes of it as JSON. */
  readonly bytes: number
  /** Of items of a list, or values of a map. */
  readonly element: DeclaredType | undefined
  readonly format: TextFormat | undefined
  readonly #makeFields: (() => ReadonlyMap<string, DeclaredField>) | undefined
  #fields: ReadonlyMap<string, DeclaredField> | undefined

  constructor(schema: Schema, parts: DeclaredParts) {
    this.schema = schema
    this.type = parts.type
    this.most = parts.most ?? 0
    this.bytes = parts.bytes
    this.element = parts.element
    this.format = parts.format
    this.#makeFields = parts.fields
  }

  /** The fields of an object by the names that expressions use. */
  get fields(): ReadonlyMap<string, DeclaredField> | undefined {
    return (this.#fields ??= this.#makeFields?.())
  }
}

interface DeclaredParts {
  readonly type: Type
  readonly most?: number
  readonly bytes: number
  readonly element?: DeclaredType | undefined
  readonly format?: TextFormat | undefined
  readonly fields?: () => ReadonlyMap<string, DeclaredField>
}

/** All object types below a root, which are found by name while an expression is checked. */
export class DeclaredTypes {
  readonly #byName = new Map<string, DeclaredType>()

  /** Declares a schema; nothing when expressions may not see its values. `isRoot`: it has apiVersion, kind and metadata. */
  declare(schema: Schema, name: string, isRoot = false): DeclaredType | undefined {
    return declare(this, isRoot ? withObjectMeta(schema) : schema, name)
  }

  add(declared: DeclaredType): DeclaredType {
    this.#byName.set(declared.type.name, declared)
    return declared
  }

  find(name: string): Type | undefined {
    return this.#byName.get(name)?.type
  }

  field(type: Type, field: string): Type | undefined {
    return this.#byName.get(type.name)?.fields?.get(field)?.declared.type
  }

  declared(type: Type): DeclaredType | undefined {
    return this.#byName.get(type.name)
  }
}

function declare(types: DeclaredTypes, schema: Schema, name: string): DeclaredType | undefined {
  if (schema.format === 'int-or-string') {
    return new DeclaredType(schema, { type: dynType, most: mostCharacters(schema), bytes: 1 })
  }
  switch (schema.type) {
    case 'array':
      return declareList(types, schema, name)
    case 'object':
      return typeof schema.additionalProperties === 'object' && schema.properties === undefined
        ? declareMap(types, schema, schema.additionalProperties, name)
        : declareObject(types, schema, name)
    case 'string':
      return declareText(schema)
    case 'boolean':
      return new DeclaredType(schema, { type: boolType, bytes: 4 })
    case 'number':
      return new DeclaredType(schema, { type: doubleType, bytes: 1 })
    case 'integer':
      return new DeclaredType(schema, { type: intType, bytes: 1 })
    default:
      return undefined
  }
}

function declareList(types: DeclaredTypes, schema: Schema, name: string): DeclaredType | undefined {
  if (schema.items === undefined) return undefined
  const element = declareBelow(types, schema.items, `${name}.@idx`)
  if (element === undefined) return undefined
  const most = schema.maxItems ?? Math.floor((mostRequestBytes - 2) / (element.bytes + 1))
  return new DeclaredType(schema, { type: listType(element.type), most: Math.max(most, 0), bytes: 2, element })
}

function declareMap(types: DeclaredTypes, schema: Schema, values: Schema, name: string): DeclaredType | undefined {
  const element = declareBelow(types, values, `${name}.@elem`)
  if (element === undefined) return undefined
  const most = schema.maxProperties ?? Math.floor((mostRequestBytes - 2) / (element.bytes + 6))
  return new DeclaredType(schema, {
    type: mapType(stringType, element.type),
    most: Math.max(most, 0),
    bytes: 2,
    element,
  })
}

function declareObject(types: DeclaredTypes, schema: Schema, name: string): DeclaredType {
  // A named type is one type wherever it stands; that also ends the walk of types that contain themselves.
  const typeName = schema.definition ?? name
  const known = types.declared(structType(typeName))
  if (known !== undefined) return known
  const { properties = {}, required = [] } = schema
  const fields = (): ReadonlyMap<string, DeclaredField> => {
    const found = new Map<string, DeclaredField>()
    for (const [field, below] of Object.entries(properties)) {
      const escaped = escapeFieldName(field)
      const declared = escaped === undefined ? undefined : declareBelow(types, below, `${typeName}.${escaped}`)
      if (declared === undefined) continue
      found.set(escaped!, { name: field, declared })
      if (isReservedName(field)) found.set(field, { name: field, declared })
    }
    return found
  }
  let bytes = 2
  if (schema.definition === undefined) {
    for (const field of required) {
      const below = Object.hasOwn(properties, field) ? properties[field] : undefined
      if (below === undefined || below.default !== undefined) continue
      const declared = declareBelow(types, below, `${typeName}.${field}`)
      if (declared !== undefined) bytes += field.length + declared.bytes + 4
    }
  }
  return types.add(new DeclaredType(schema, { type: structType(typeName), bytes, fields }))
}

function declareBelow(types: DeclaredTypes, schema: Schema, name: string): DeclaredType | undefined {
  return types.declare(schema, name, schema.embeddedResource === true)
}

const textFormats: Readonly<Record<string, readonly [TextFormat, Type, number, number | undefined]>> = {
  byte: ['byte', bytesType, 2, undefined],
  duration: ['duration', durationType, 3, 32],
  date: ['date', timestampType, 12, 12],
  'date-time': ['date-time', timestampType, 21, 32],
  // The built-in kinds say it in their own words.
  time: ['date-time', timestampType, 21, 32],
  'micro-time': ['date-time', timestampType, 21, 32],
}

function declareText(schema: Schema): DeclaredType {
  const known = Object.hasOwn(textFormats, schema.format ?? '') ? textFormats[schema.format!] : undefined
  if (known === undefined) return new DeclaredType(schema, { type: stringType, most: mostCharacters(schema), bytes: 2 })
  const [format, type, bytes, most] = known
  return new DeclaredType(schema, { type, format, bytes, most: most ?? schema.maxLength ?? mostRequestBytes - 2 })
}

/** A limit counts characters, of which each may take four bytes. */
function mostCharacters(schema: Schema): number {
  if (schema.maxLength !== undefined) return Math.max(schema.maxLength, 0) * 4
  if (schema.format !== 'int-or-string' && schema.enum !== undefined && schema.enum.length > 0) {
    return Math.max(
      0,
      ...schema.enum.map((each) => (typeof each === 'string' ? new TextEncoder().encode(each).length : 0)),
    )
  }
  return mostRequestBytes - 2
}

const text: Schema = { type: 'string' }
const objectMeta: Schema = { type: 'object', properties: { name: text, generateName: text } }

/** What every whole object has, whether its schema says so or not. */
function withObjectMeta(schema: Schema): Schema {
  const { apiVersion, kind, metadata } = schema.properties ?? {}
  const named = metadata?.properties
  if (apiVersion?.type === 'string' && kind?.type === 'string' && named?.['name'] && named['generateName'])
    return schema
  return {
    ...schema,
    type: 'object',
    properties: { ...schema.properties, kind: text, apiVersion: text, metadata: objectMeta },
  }
}

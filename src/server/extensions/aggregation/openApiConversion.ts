// OpenAPI of version 2 as version 3, for servers that only know the former: clients look for kinds in the latter.
import { setOwn } from '#lib/encoding/setOwn.ts'
import { isObject, type JsonObject } from '#machinery/schema/model.ts'
import type { OpenApiPart } from './openApiPart.ts'

const methods: ReadonlySet<string> = new Set(['get', 'put', 'post', 'delete', 'options', 'head', 'patch'])

/** Members of a parameter that say what it is like; in version 3 they are its schema. */
const ofParameterSchema: ReadonlySet<string> = new Set([
  'type',
  'format',
  'items',
  'default',
  'enum',
  'maximum',
  'minimum',
  'maxLength',
  'minLength',
  'pattern',
  'uniqueItems',
])

const usualTypes = ['application/json']

/** The part of a document of version 2 as a document of version 3. */
export function toOpenApiV3({ info, paths, shared }: OpenApiPart): JsonObject {
  const referred = (value: unknown): unknown => {
    if (!isObject(value) || typeof value['$ref'] !== 'string') return value
    const [, section = '', name = ''] = /^#\/(parameters|responses)\/(.+)$/.exec(value['$ref']) ?? []
    const source = section === 'parameters' || section === 'responses' ? shared[section] : {}
    return Object.hasOwn(source, name) ? source[name] : value
  }
  const parametersOf = (value: unknown): JsonObject[] =>
    Array.isArray(value) ? value.map(referred).filter(isObject) : []
  const operation = (value: unknown): unknown => {
    if (!isObject(value)) return value
    const { consumes, produces, schemes: _, parameters, responses, ...rest } = value
    const all = parametersOf(parameters)
    const body = all.find((each) => each['in'] === 'body')
    const others = all.filter((each) => each['in'] !== 'body').map(parameter)
    return {
      ...(schema(rest) as JsonObject),
      ...(others.length === 0 ? {} : { parameters: others }),
      ...(body === undefined ? {} : { requestBody: requestBody(body, typesOf(consumes)) }),
      responses: mapped(responses, (each) => response(referred(each), typesOf(produces))),
    }
  }
  const pathItem = (value: unknown): unknown => {
    if (!isObject(value)) return value
    const item: JsonObject = {}
    for (const [key, member] of Object.entries(value)) {
      if (methods.has(key)) setOwn(item, key, operation(member))
      else setOwn(item, key, key === 'parameters' ? parametersOf(member).map(parameter) : member)
    }
    return item
  }
  return {
    openapi: '3.0.0',
    info,
    paths: mapped(paths, pathItem),
    components: { schemas: mapped(shared.definitions, schema) },
  }
}

function mapped(value: unknown, change: (member: unknown) => unknown): JsonObject {
  const copy: JsonObject = {}
  if (isObject(value)) for (const [key, member] of Object.entries(value)) setOwn(copy, key, change(member))
  return copy
}

function typesOf(value: unknown): readonly string[] {
  const types = Array.isArray(value) ? value.filter((each) => typeof each === 'string') : []
  return types.length === 0 ? usualTypes : types
}

/** A value with references to where schemas are in version 3. */
function schema(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(schema)
  if (!isObject(value)) return value
  const copy: JsonObject = {}
  for (const [key, member] of Object.entries(value)) {
    const isReference = key === '$ref' && typeof member === 'string'
    setOwn(copy, key, isReference ? member.replace(/^#\/definitions\//, '#/components/schemas/') : schema(member))
  }
  return copy
}

function parameter(value: JsonObject): JsonObject {
  const own: JsonObject = {}
  const like: JsonObject = {}
  for (const [key, member] of Object.entries(value)) {
    setOwn(ofParameterSchema.has(key) ? like : own, key, schema(member))
  }
  return { ...own, schema: like }
}

function contentOf(value: unknown, types: readonly string[]): JsonObject {
  return Object.fromEntries(types.map((type) => [type, { schema: schema(value) }]))
}

function requestBody(body: JsonObject, types: readonly string[]): JsonObject {
  const { description, required } = body
  return {
    ...(description === undefined ? {} : { description }),
    ...(required === true ? { required } : {}),
    content: contentOf(body['schema'], types),
  }
}

function response(value: unknown, types: readonly string[]): unknown {
  if (!isObject(value)) return value
  const { schema: body, headers: _, examples: __, ...rest } = value
  return { ...rest, ...(body === undefined ? {} : { content: contentOf(body, types) }) }
}

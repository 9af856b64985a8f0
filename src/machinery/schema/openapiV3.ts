/** The OpenAPI v3 documents of the served API, one for each group and version, built from the schema and the list of served resources. */
import type { JsonObject } from './model.ts'
import type { Content, Operation, Parameter, ServedResource, Words } from './openapiModel.ts'
import { documentNames, pathsOf } from './openapiPaths.ts'
import { SchemaWriter } from './openapiSchema.ts'

export { documentNames } from './openapiPaths.ts'

/** The table of contents, as `/openapi/v3` serves it. `hashOf` names the current text of a document; clients keep it under that name. */
export function openApiV3Index(served: readonly ServedResource[], hashOf: (document: string) => string): JsonObject {
  const paths: JsonObject = {}
  for (const name of documentNames(served)) {
    paths[name] = { serverRelativeURL: `/openapi/v3/${name}?hash=${hashOf(name)}` }
  }
  return { paths }
}

/**
 * One document, such as `api/v1` or `apis/apps/v1`; undefined when nothing of that name is served.
 * `version` is that of the server, `words` what `descriptions()` gives.
 */
export function openApiV3(
  document: string,
  served: readonly ServedResource[],
  words: Words,
  version: string,
): JsonObject | undefined {
  const items = pathsOf(document, served, words)
  if (items === undefined) return undefined
  const schemas = new SchemaWriter('v3', words)
  const paths: Record<string, JsonObject> = {}
  for (const { path, parameters, operations } of items) {
    const item: JsonObject = {}
    for (const operation of operations) item[operation.method] = writeOperation(operation, schemas)
    if (parameters.length > 0) item['parameters'] = parameters.map(writeParameter)
    paths[path] = item
  }
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version },
    paths,
    components: {
      schemas: schemas.definitions(served),
      securitySchemes: {
        BearerToken: {
          type: 'apiKey',
          description: 'Bearer Token authentication',
          name: 'authorization',
          in: 'header',
        },
      },
    },
  }
}

function writeOperation(operation: Operation, schemas: SchemaWriter): JsonObject {
  const { id, description, tag, action, kind, consumes, produces, parameters, body, responses } = operation
  return {
    tags: [tag],
    description,
    operationId: id,
    ...(parameters.length === 0 ? {} : { parameters: parameters.map(writeParameter) }),
    ...(body === undefined
      ? {}
      : { requestBody: { content: contentByType(consumes, { definition: body.definition }, schemas) } }),
    responses: Object.fromEntries(
      responses.map(({ code, description: text, content }) => [
        String(code),
        { description: text, ...(content === undefined ? {} : { content: contentByType(produces, content, schemas) }) },
      ]),
    ),
    ...(action === undefined ? {} : { 'x-kubernetes-action': action }),
    ...(kind === undefined
      ? {}
      : { 'x-kubernetes-group-version-kind': { group: kind.group, version: kind.version, kind: kind.kind } }),
  }
}

function contentByType(types: readonly string[], content: Content, schemas: SchemaWriter): JsonObject {
  const schema = content === 'string' ? { type: 'string' } : schemas.reference(content.definition)
  return Object.fromEntries(types.toSorted().map((type) => [type, { schema }]))
}

function writeParameter({ name, in: place, description, type }: Parameter): JsonObject {
  const schema = { type, uniqueItems: true }
  return { name, in: place, description, ...(place === 'path' ? { required: true } : {}), schema }
}

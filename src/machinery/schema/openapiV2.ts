/** The OpenAPI v2 document of the served API, built from the schema and the list of served resources. */
import type { GroupVersionKind, JsonObject } from './model.ts'
import type { Content, Operation, Parameter, ServedResource, Words } from './openapiModel.ts'
import { allPaths } from './openapiPaths.ts'
import { SchemaWriter } from './openapiSchema.ts'

/** Parameters that clients look for at the operation itself; all others are shared. */
const inlined = new Set(['dryRun', 'fieldValidation'])

/**
 * The whole document, as `/openapi/v2` serves it. `version` is that of the server, `words` what `descriptions()` gives.
 * Costs some ten milliseconds and as many megabytes: keep the written text, not this.
 */
export function openApiV2(served: readonly ServedResource[], words: Words, version: string): JsonObject {
  const schemas = new SchemaWriter('v2', words)
  const shared = new SharedParameters()
  const paths: Record<string, JsonObject> = {}
  for (const { path, parameters, operations } of allPaths(served, words)) {
    const item: JsonObject = {}
    for (const operation of operations) item[operation.method] = writeOperation(operation, schemas, shared)
    if (parameters.length > 0) item['parameters'] = parameters.map((parameter) => shared.write(parameter))
    paths[path] = item
  }
  return {
    swagger: '2.0',
    info: { title: 'Kubernetes', version },
    paths,
    definitions: schemas.definitions(served),
    parameters: shared.all(),
    securityDefinitions: {
      BearerToken: { description: 'Bearer Token authentication', type: 'apiKey', name: 'authorization', in: 'header' },
    },
    security: [{ BearerToken: [] }],
  }
}

function writeOperation(operation: Operation, schemas: SchemaWriter, shared: SharedParameters): JsonObject {
  const { id, description, tag, action, kind, consumes, produces, body, responses } = operation
  const parameters: JsonObject[] = []
  if (body !== undefined) {
    const schema = schemas.reference(body.definition)
    parameters.push({ name: 'body', in: 'body', ...(body.required ? { required: true } : {}), schema })
  }
  for (const parameter of operation.parameters) parameters.push(shared.write(parameter))
  return {
    description,
    consumes: [...consumes],
    produces: [...produces],
    schemes: ['https'],
    tags: [tag],
    operationId: id,
    ...(parameters.length === 0 ? {} : { parameters }),
    responses: Object.fromEntries(
      responses.map(({ code, description: text, content }) => [
        String(code),
        { description: text, ...(content === undefined ? {} : { schema: writeContent(content, schemas) }) },
      ]),
    ),
    ...(action === undefined ? {} : { 'x-kubernetes-action': action }),
    ...(kind === undefined ? {} : { 'x-kubernetes-group-version-kind': plainKind(kind) }),
  }
}

function writeContent(content: Content, schemas: SchemaWriter): JsonObject {
  return content === 'string' ? { type: 'string' } : schemas.reference(content.definition)
}

function plainKind({ group, kind, version }: GroupVersionKind): JsonObject {
  return { group, kind, version }
}

/** Parameters that many operations have, each written once under its name and a number that tells equal names apart. */
class SharedParameters {
  readonly #names = new Map<string, string>()
  readonly #written: Record<string, JsonObject> = {}

  /** The parameter where it is used: a reference where it can be one. */
  write(parameter: Parameter): JsonObject {
    const { name, in: place, type, description } = parameter
    const written = {
      uniqueItems: true,
      type,
      description,
      name,
      in: place,
      ...(place === 'path' ? { required: true } : {}),
    }
    if (inlined.has(name) || name === 'name') return written
    const text = JSON.stringify(written)
    let key = this.#names.get(text)
    if (key === undefined) {
      let number = 1
      while (`${name}-${number}` in this.#written) number++
      key = `${name}-${number}`
      this.#names.set(text, key)
      this.#written[key] = written
    }
    return { $ref: `#/parameters/${key}` }
  }

  all(): JsonObject {
    return this.#written
  }
}

// The OpenAPI v2 document in protobuf, as client-go asks for it. The messages are those of gnostic's OpenAPIv2.proto.
import type { JsonObject } from './model.ts'
import {
  anyValue,
  concat,
  extensionAt,
  field,
  map,
  message,
  texts,
  utf8,
  varint,
  type Message,
} from './openapiMessages.ts'

/** What answers in this form say they are; clients that parse media types refuse the `@` of the older spelling. */
export const openApiProtobufType = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf'

/** The media types under which clients ask for this form. */
export const openApiProtobufTypes: readonly string[] = [
  openApiProtobufType,
  'application/com.github.proto-openapi.spec.v2@v1.0+protobuf',
]

/** Writes a document that `openApiV2` made. */
export function encodeOpenApiV2(document: JsonObject): Uint8Array {
  return message(document, documentFields)
}

const schemaFields: Message = {
  $ref: [1, 'string'],
  format: [2, 'string'],
  title: [3, 'string'],
  description: [4, 'string'],
  default: [5, anyValue],
  multipleOf: [6, 'double'],
  maximum: [7, 'double'],
  exclusiveMaximum: [8, 'bool'],
  minimum: [9, 'double'],
  exclusiveMinimum: [10, 'bool'],
  maxLength: [11, 'int'],
  minLength: [12, 'int'],
  pattern: [13, 'string'],
  maxItems: [14, 'int'],
  minItems: [15, 'int'],
  uniqueItems: [16, 'bool'],
  maxProperties: [17, 'int'],
  minProperties: [18, 'int'],
  required: [19, 'string'],
  enum: [20, anyValue],
  additionalProperties: [
    21,
    (value: JsonObject | boolean) =>
      typeof value === 'boolean' ? concat([varint(2 * 8), [value ? 1 : 0]]) : field(1, schema(value)),
  ],
  type: [22, (value: string) => texts([value])],
  items: [23, (value: JsonObject) => field(1, schema(value))],
  properties: [25, map(1, (value: JsonObject) => schema(value))],
  externalDocs: [29, (value: JsonObject) => message(value, { description: [1, 'string'], url: [2, 'string'] })],
  example: [30, anyValue],
  ...extensionAt(31),
}

function schema(value: JsonObject): Uint8Array {
  return message(value, schemaFields)
}

const bodyFields: Message = {
  description: [1, 'string'],
  name: [2, 'string'],
  in: [3, 'string'],
  required: [4, 'bool'],
  schema: [5, schema],
}

const pathFields: Message = {
  required: [1, 'bool'],
  in: [2, 'string'],
  description: [3, 'string'],
  name: [4, 'string'],
  type: [5, 'string'],
  uniqueItems: [19, 'bool'],
}

const queryFields: Message = {
  required: [1, 'bool'],
  in: [2, 'string'],
  description: [3, 'string'],
  name: [4, 'string'],
  type: [6, 'string'],
  uniqueItems: [20, 'bool'],
}

function parameter(value: JsonObject): Uint8Array {
  if (value['in'] === 'body') return field(1, message(value, bodyFields))
  const isPath = value['in'] === 'path'
  return field(2, field(isPath ? 4 : 3, message(value, isPath ? pathFields : queryFields)))
}

/** A parameter, or a reference to a shared one. */
function parameterItem(value: JsonObject): Uint8Array {
  const { $ref } = value
  return typeof $ref === 'string' ? field(2, field(1, utf8.encode($ref))) : field(1, parameter(value))
}

const responseFields: Message = {
  description: [1, 'string'],
  schema: [2, (value: JsonObject) => field(1, schema(value))],
}

const operationFields: Message = {
  tags: [1, 'string'],
  description: [3, 'string'],
  operationId: [5, 'string'],
  produces: [6, 'string'],
  consumes: [7, 'string'],
  parameters: [8, parameterItem],
  responses: [9, map(1, (value: JsonObject) => field(1, message(value, responseFields)))],
  schemes: [10, 'string'],
  ...extensionAt(13),
}

const operation = (value: JsonObject): Uint8Array => message(value, operationFields)

const pathItemFields: Message = {
  get: [2, operation],
  put: [3, operation],
  post: [4, operation],
  delete: [5, operation],
  options: [6, operation],
  head: [7, operation],
  patch: [8, operation],
  parameters: [9, parameterItem],
}

const apiKeyFields: Message = {
  type: [1, 'string'],
  name: [2, 'string'],
  in: [3, 'string'],
  description: [4, 'string'],
}

const documentFields: Message = {
  swagger: [1, 'string'],
  info: [2, (value: JsonObject) => message(value, { title: [1, 'string'], version: [2, 'string'] })],
  paths: [8, map(2, (value: JsonObject) => message(value, pathItemFields))],
  definitions: [9, map(1, schema)],
  parameters: [10, map(1, parameter)],
  security: [12, map(1, texts)],
  securityDefinitions: [13, map(1, (value: JsonObject) => field(2, message(value, apiKeyFields)))],
}

// An OpenAPI v3 document in protobuf. The messages are those of gnostic's OpenAPIv3.proto.
import type { JsonObject } from './model.ts'
import { anyValue, concat, extensionAt, field, map, message, utf8, varint, type Message } from './openapiMessages.ts'

/** What answers in this form say they are. */
export const openApiV3ProtobufType = 'application/com.github.proto-openapi.spec.v3.v1.0+protobuf'

/** The media types under which clients ask for this form. */
export const openApiV3ProtobufTypes: readonly string[] = [
  openApiV3ProtobufType,
  'application/com.github.proto-openapi.spec.v3@v1.0+protobuf',
]

/** Writes a document that `openApiV3` made. */
export function encodeOpenApiV3(document: JsonObject): Uint8Array {
  return message(document, documentFields)
}

/** Something itself, or a reference to it. */
const orReference =
  (encode: (value: any) => Uint8Array) =>
  (value: JsonObject): Uint8Array => {
    const { $ref } = value
    return typeof $ref === 'string' ? field(2, field(1, utf8.encode($ref))) : field(1, encode(value))
  }

const schemaOrReference = orReference((value: JsonObject) => message(value, schemaFields))

/** Objects and lists have no form here: what stands for them says nothing. */
function defaultValue(value: unknown): Uint8Array {
  if (typeof value === 'string') return field(3, utf8.encode(value))
  if (typeof value === 'boolean') return concat([varint(2 * 8), [value ? 1 : 0]])
  return typeof value === 'number' ? message({ value }, { value: [1, 'double'] }) : new Uint8Array()
}

const schemaFields: Message = {
  nullable: [1, 'bool'],
  externalDocs: [6, (value: JsonObject) => message(value, { description: [1, 'string'], url: [2, 'string'] })],
  example: [7, anyValue],
  title: [9, 'string'],
  multipleOf: [10, 'double'],
  maximum: [11, 'double'],
  exclusiveMaximum: [12, 'bool'],
  minimum: [13, 'double'],
  exclusiveMinimum: [14, 'bool'],
  maxLength: [15, 'int'],
  minLength: [16, 'int'],
  pattern: [17, 'string'],
  maxItems: [18, 'int'],
  minItems: [19, 'int'],
  uniqueItems: [20, 'bool'],
  maxProperties: [21, 'int'],
  minProperties: [22, 'int'],
  required: [23, 'string'],
  enum: [24, anyValue],
  type: [25, 'string'],
  allOf: [26, schemaOrReference],
  oneOf: [27, schemaOrReference],
  anyOf: [28, schemaOrReference],
  not: [29, (value: JsonObject) => message(value, schemaFields)],
  items: [30, (value: JsonObject) => field(1, schemaOrReference(value))],
  properties: [31, map(1, schemaOrReference)],
  additionalProperties: [
    32,
    (value: JsonObject | boolean) =>
      typeof value === 'boolean' ? concat([varint(2 * 8), [value ? 1 : 0]]) : field(1, schemaOrReference(value)),
  ],
  default: [33, defaultValue],
  description: [34, 'string'],
  format: [35, 'string'],
  ...extensionAt(36),
}

/** By media type. */
const content = map(1, (value: JsonObject) => message(value, { schema: [1, schemaOrReference] }))

const parameterFields: Message = {
  name: [1, 'string'],
  in: [2, 'string'],
  description: [3, 'string'],
  required: [4, 'bool'],
  schema: [10, schemaOrReference],
}

const parameter = orReference((value: JsonObject) => message(value, parameterFields))

const bodyFields: Message = { description: [1, 'string'], content: [2, content], required: [3, 'bool'] }

const responseFields: Message = { description: [1, 'string'], content: [3, content] }

const operationFields: Message = {
  tags: [1, 'string'],
  description: [3, 'string'],
  operationId: [5, 'string'],
  parameters: [6, parameter],
  requestBody: [7, orReference((value: JsonObject) => message(value, bodyFields))],
  responses: [
    8,
    map(
      2,
      orReference((value: JsonObject) => message(value, responseFields)),
    ),
  ],
  deprecated: [10, 'bool'],
  ...extensionAt(13),
}

const operation = (value: JsonObject): Uint8Array => message(value, operationFields)

const pathItemFields: Message = {
  get: [4, operation],
  put: [5, operation],
  post: [6, operation],
  delete: [7, operation],
  options: [8, operation],
  head: [9, operation],
  patch: [10, operation],
  parameters: [13, parameter],
}

const securityFields: Message = {
  type: [1, 'string'],
  description: [2, 'string'],
  name: [3, 'string'],
  in: [4, 'string'],
}

const componentFields: Message = {
  schemas: [1, map(1, schemaOrReference)],
  securitySchemes: [
    7,
    map(
      1,
      orReference((value: JsonObject) => message(value, securityFields)),
    ),
  ],
}

const documentFields: Message = {
  openapi: [1, 'string'],
  info: [2, (value: JsonObject) => message(value, { title: [1, 'string'], version: [6, 'string'] })],
  paths: [4, map(1, (value: JsonObject) => message(value, pathItemFields))],
  components: [5, (value: JsonObject) => message(value, componentFields)],
}

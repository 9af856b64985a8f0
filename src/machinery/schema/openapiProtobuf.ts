// The OpenAPI v2 document in protobuf, as client-go asks for it. The messages are those of gnostic's OpenAPIv2.proto.
import type { JsonObject } from './model.ts'

/** What answers in this form say they are; clients that parse media types refuse the `@` of the older spelling. */
export const openApiProtobufType = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf'

/** The media types under which clients ask for this form. */
export const openApiProtobufTypes: readonly string[] = [
  openApiProtobufType,
  'application/com.github.proto-openapi.spec.v2@v1.0+protobuf',
]

/** How a value becomes the content of a field: text, a truth, or a message of its own. */
type Encoding = 'string' | 'bool' | 'int' | 'double' | ((value: any) => Uint8Array)

/** Field numbers and encodings of a message by the JSON name of the field. Lists become repeated fields. */
type Message = Readonly<Record<string, readonly [number, Encoding]>>

const utf8 = new TextEncoder()

/** Writes a document that `openApiV2` made. */
export function encodeOpenApiV2(document: JsonObject): Uint8Array {
  return message(document, documentFields)
}

function varint(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  while (rest > 127) {
    bytes.push((rest % 128) | 128)
    rest = Math.floor(rest / 128)
  }
  bytes.push(rest)
  return bytes
}

function concat(parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** A field with a length: text or a message. */
function field(number: number, content: Uint8Array): Uint8Array {
  return concat([varint(number * 8 + 2), varint(content.length), content])
}

function encode(number: number, encoding: Encoding, value: unknown): Uint8Array {
  if (encoding === 'string') return field(number, utf8.encode(value as string))
  if (encoding === 'bool') return concat([varint(number * 8), [value === true ? 1 : 0]])
  if (encoding === 'int') return concat([varint(number * 8), varint(value as number)])
  if (encoding === 'double') {
    const bytes = new Uint8Array(8)
    new DataView(bytes.buffer).setFloat64(0, value as number, true)
    return concat([varint(number * 8 + 1), bytes])
  }
  return field(number, encoding(value))
}

/** A message of known fields; those whose name begins with `x-` go to the field `x-` as pairs of name and YAML. */
function message(value: JsonObject, fields: Message): Uint8Array {
  const parts: Uint8Array[] = []
  for (const [name, content] of Object.entries(value)) {
    const isExtension = name.startsWith('x-')
    const known = fields[isExtension ? 'x-' : name]
    if (known === undefined) throw new Error(`Cannot write "${name}" in the OpenAPI document`)
    const [number, encoding] = known
    if (isExtension) parts.push(field(number, named(name, anyValue(content))))
    else if (Array.isArray(content)) for (const item of content) parts.push(encode(number, encoding, item))
    else parts.push(encode(number, encoding, content))
  }
  return concat(parts)
}

/** A pair of a name and a message. */
function named(name: string, value: Uint8Array): Uint8Array {
  return concat([field(1, utf8.encode(name)), field(2, value)])
}

/** A map as a message whose field holds pairs. */
function map(number: number, encodeValue: (value: any) => Uint8Array): Encoding {
  return (values: JsonObject) =>
    concat(Object.entries(values).map(([name, value]) => field(number, named(name, encodeValue(value)))))
}

/** Any value as YAML; JSON is YAML. */
function anyValue(value: unknown): Uint8Array {
  return field(2, utf8.encode(`${JSON.stringify(value)}\n`))
}

function texts(values: readonly string[]): Uint8Array {
  return concat(values.map((value) => field(1, utf8.encode(value))))
}

const extensionAt = (number: number): Message => ({ 'x-': [number, anyValue] })

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

// Messages of protobuf, written from tables of fields: the form in which gnostic has documents about an API.
import type { JsonObject } from './model.ts'

/** How a value becomes the content of a field: text, a truth, or a message of its own. */
export type Encoding = 'string' | 'bool' | 'int' | 'double' | ((value: any) => Uint8Array)

/** Field numbers and encodings of a message by the JSON name of the field. Lists become repeated fields. */
export type Message = Readonly<Record<string, readonly [number, Encoding]>>

export const utf8 = new TextEncoder()

export function varint(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  while (rest > 127) {
    bytes.push((rest % 128) | 128)
    rest = Math.floor(rest / 128)
  }
  bytes.push(rest)
  return bytes
}

export function concat(parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** A field with a length: text or a message. */
export function field(number: number, content: Uint8Array): Uint8Array {
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

/** Lists that are one value. */
const wholes: ReadonlySet<string> = new Set(['default', 'example'])

/** A message of known fields; those whose name begins with `x-` go to the field `x-` as pairs of name and YAML. */
export function message(value: JsonObject, fields: Message): Uint8Array {
  const parts: Uint8Array[] = []
  for (const [name, content] of Object.entries(value)) {
    const isExtension = name.startsWith('x-')
    const known = fields[isExtension ? 'x-' : name]
    if (known === undefined) throw new Error(`Cannot write "${name}" in the OpenAPI document`)
    const [number, encoding] = known
    if (isExtension) parts.push(field(number, named(name, anyValue(content))))
    else if (Array.isArray(content) && !wholes.has(name))
      for (const item of content) parts.push(encode(number, encoding, item))
    else parts.push(encode(number, encoding, content))
  }
  return concat(parts)
}

/** A pair of a name and a message. */
function named(name: string, value: Uint8Array): Uint8Array {
  return concat([field(1, utf8.encode(name)), field(2, value)])
}

/** A map as a message whose field holds pairs. */
export function map(number: number, encodeValue: (value: any) => Uint8Array): Encoding {
  return (values: JsonObject) =>
    concat(Object.entries(values).map(([name, value]) => field(number, named(name, encodeValue(value)))))
}

/** Any value as YAML; JSON is YAML. */
export function anyValue(value: unknown): Uint8Array {
  return field(2, utf8.encode(`${JSON.stringify(value)}\n`))
}

export function texts(values: readonly string[]): Uint8Array {
  return concat(values.map((value) => field(1, utf8.encode(value))))
}

export const extensionAt = (number: number): Message => ({ 'x-': [number, anyValue] })

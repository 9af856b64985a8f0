// Kubernetes' protobuf as client-go reads and writes it: messages that protobufjs makes from the wire numbers, and the
// JSON that Go makes of them. Nothing of the server's own codec is used here.
import { readFileSync } from 'node:fs'
import protobuf from 'protobufjs'

type Value = any

/** By definition: of each field its number, what becomes of its zero value in JSON, and its type in Go. */
const numbers = JSON.parse(
  readFileSync(new URL('../../tools/protobufNumbers.json', import.meta.url), 'utf8'),
) as Readonly<Record<string, Readonly<Record<string, string>>>>

const { root } = protobuf.parse(`
  syntax = "proto2";
  message TypeMeta { optional string apiVersion = 1; optional string kind = 2; }
  message Unknown { optional TypeMeta typeMeta = 1; optional bytes raw = 2; optional string contentEncoding = 3; optional string contentType = 4; }
  message RawExtension { optional bytes raw = 1; }
  message WatchEvent { optional string type = 1; optional RawExtension object = 2; }
  message Time { optional int64 seconds = 1; optional int32 nanos = 2; }
  message Quantity { optional string string = 1; }
  message IntOrString { optional int64 type = 1; optional int32 intVal = 2; optional string strVal = 3; }
  message FieldsV1 { optional bytes Raw = 1; }
`)

/** How the value of a field stands in a message, and in JSON. */
interface Form {
  /** The type of protobufjs. */
  readonly type: string
  read(value: Value): Value
  write(value: Value): Value
}

const plain = (type: string): Form => ({ type, read: (value) => value, write: (value) => value })
const string = plain('string')

const time = (digits: number): Form => ({
  type: 'Time',
  read(value: { seconds: Value; nanos: number }) {
    // An empty message is no time at all, not the epoch.
    if (!Object.hasOwn(value, 'seconds')) return null
    const { seconds, nanos } = value
    const whole = new Date(Number(seconds) * 1_000).toISOString().slice(0, 19)
    return `${whole}${digits === 0 ? '' : `.${String(nanos).padStart(9, '0').slice(0, digits)}`}Z`
  },
  write(text: string) {
    const nanos = Number((/\.(\d+)/.exec(text)?.[1] ?? '').padEnd(9, '0'))
    return { seconds: Math.floor(Date.parse(text) / 1_000), nanos }
  },
})

const forms: Readonly<Record<string, Form>> = {
  string,
  bool: plain('bool'),
  int32: plain('int32'),
  int64: { type: 'int64', read: Number, write: (value) => value },
  '[]uint8': {
    type: 'bytes',
    read: (value: Uint8Array) => Buffer.from(value).toString('base64'),
    write: (value: string) => Buffer.from(value, 'base64'),
  },
  'v1.Time': time(0),
  'v1.MicroTime': time(6),
  'resource.Quantity': {
    type: 'Quantity',
    read: ({ string: text }: { string: string }) => text,
    write: (text: string) => ({ string: text }),
  },
  'intstr.IntOrString': {
    type: 'IntOrString',
    read: ({ type, intVal, strVal }: { type: Value; intVal: number; strVal: string }) =>
      Number(type) === 0 ? intVal : strVal,
    write: (value) => (typeof value === 'number' ? { type: 0, intVal: value } : { type: 1, strVal: value }),
  },
  'v1.FieldsV1': {
    type: 'FieldsV1',
    read: ({ Raw }: { Raw: Uint8Array }) => JSON.parse(Buffer.from(Raw).toString()) as Value,
    write: (value) => ({ Raw: Buffer.from(JSON.stringify(value)) }),
  },
}

interface Field {
  readonly name: string
  /** More than one number: the field stands in a message of fields that JSON writes beside the others. */
  readonly path: readonly string[]
  readonly zero: string
  readonly shape: 'one' | 'list' | 'map'
  readonly form: Form
}

interface Message {
  readonly type: protobuf.Type
  readonly fields: readonly Field[]
}

const messages = new Map<string, Message>()

/** The message of a definition, such as `io.k8s.api.core.v1.Pod`. */
function messageOf(definition: string): Message {
  const known = messages.get(definition)
  if (known !== undefined) return known
  const type = new protobuf.Type(definition.replaceAll(/[.-]/g, '_'))
  root.add(type)
  const fields: Field[] = []
  messages.set(definition, { type, fields })
  for (const [name, entry] of Object.entries(numbers[definition]!)) {
    const [number = '', zero = '', goType = ''] = entry.split(' ')
    if (number === '-') continue
    const [shape, of] = shapeOf(goType)
    const field = { name, path: number.split('.'), zero, shape, form: formOf(definition, of) }
    fields.push(field)
    addField(type, field, field.path)
  }
  return { type, fields }
}

function addField(parent: protobuf.Type, { name, shape, form }: Field, path: readonly string[]): void {
  const [first = '', ...rest] = path
  if (rest.length > 0) {
    const inline = `inline${first}`
    let type = parent.nested?.[inline] as protobuf.Type | undefined
    if (type === undefined) {
      parent.add((type = new protobuf.Type(inline)))
      parent.add(new protobuf.Field(`${inline}Field`, Number(first), inline))
    }
    addField(type, { name, shape, form } as Field, rest)
  } else if (shape === 'map') parent.add(new protobuf.MapField(name, Number(first), 'string', form.type))
  else parent.add(new protobuf.Field(name, Number(first), form.type, shape === 'list' ? 'repeated' : undefined))
}

function shapeOf(goType: string): [Field['shape'], string] {
  if (goType === 'v1.ResourceList') return ['map', 'resource.Quantity']
  if (goType.startsWith('map[')) return ['map', goType.slice(goType.indexOf(']') + 1)]
  return goType.startsWith('[]') && goType !== '[]uint8' ? ['list', goType.slice(2)] : ['one', goType]
}

/** Go's `v1` is the package of the definition, that of metadata, or that of the core; names that are none of these are text. */
function formOf(definition: string, goType: string): Form {
  const known = forms[goType]
  if (known !== undefined) return known
  const name = goType.slice(goType.lastIndexOf('.') + 1)
  const own = definition.slice(0, definition.lastIndexOf('.'))
  const full = [own, 'io.k8s.apimachinery.pkg.apis.meta.v1', 'io.k8s.api.core.v1']
    .map((folder) => `${folder}.${name}`)
    .find((candidate) => candidate in numbers)
  if (full === undefined) return string
  return {
    type: messageOf(full).type.fullName,
    read: (value) => readFields(messageOf(full), value),
    write: (value) => writeFields(messageOf(full), value),
  }
}

function readFields({ fields }: Message, message: Value): Value {
  const object: Record<string, Value> = {}
  for (const { name, path, zero, shape, form } of fields) {
    let holder = message
    for (const number of path.slice(0, -1)) holder = holder?.[`inline${number}Field`]
    if (holder === undefined || holder === null || !Object.hasOwn(holder, name)) continue
    const value = holder[name] as Value
    // Go knows no empty lists and maps on the wire, only absent ones.
    if (shape !== 'one' && Object.keys(value as object).length === 0) continue
    if (shape === 'list') object[name] = (value as Value[]).map(form.read)
    else if (shape === 'map') {
      object[name] = Object.fromEntries(Object.entries(value as object).map(([key, one]) => [key, form.read(one)]))
    } else {
      const read = form.read(value)
      if (zero !== 'drop' || !isZero(read)) object[name] = read
    }
  }
  return object
}

function isZero(value: Value): boolean {
  return value === '' || value === 0 || value === false || value === null
}

function writeFields({ fields }: Message, object: Value): Value {
  const message: Record<string, Value> = {}
  for (const { name, path, shape, form } of fields) {
    const value = object[name] as Value
    if (value === undefined || value === null) continue
    let holder = message
    for (const number of path.slice(0, -1)) holder = holder[`inline${number}Field`] ??= {}
    if (shape === 'list') holder[name] = (value as Value[]).map(form.write)
    else if (shape === 'map') {
      holder[name] = Object.fromEntries(Object.entries(value as object).map(([key, one]) => [key, form.write(one)]))
    } else holder[name] = form.write(value)
  }
  return message
}

const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1'
const metaKinds = ['Status', 'DeleteOptions', 'PartialObjectMetadata', 'PartialObjectMetadataList']

function definitionOf(apiVersion: string, kind: string): string {
  if (metaKinds.includes(kind)) return `${meta}.${kind}`
  const [group = '', version = ''] = apiVersion.includes('/') ? apiVersion.split('/') : ['core', apiVersion]
  return `io.k8s.api.${group.split('.')[0]}.${version}.${kind}`
}

const unknown = root.lookupType('Unknown')
const magic = Buffer.from('k8s\0')

/** An object in the envelope of Kubernetes' protobuf. */
export function encodeGo(object: { readonly apiVersion: string; readonly kind: string }): Buffer {
  const { apiVersion, kind } = object
  const message = messageOf(definitionOf(apiVersion, kind))
  const raw = message.type.encode(message.type.fromObject(writeFields(message, object) as object)).finish()
  return Buffer.concat([magic, unknown.encode({ typeMeta: { apiVersion, kind }, raw }).finish()])
}

/** What is in an envelope, as JSON has it. */
export function decodeGo(bytes: Uint8Array): Value {
  if (!magic.equals(bytes.subarray(0, 4))) throw new Error(`This is no envelope: ${Buffer.from(bytes).toString('hex')}`)
  const { typeMeta, raw } = unknown.decode(bytes.subarray(4)) as Value
  const { apiVersion, kind } = typeMeta as { apiVersion: string; kind: string }
  const message = messageOf(definitionOf(apiVersion, kind))
  return { kind, apiVersion, ...(readFields(message, message.type.decode(raw as Uint8Array)) as object) }
}

const watchEvent = root.lookupType('WatchEvent')

/** One event of a watch, without its length. */
export function decodeGoEvent(bytes: Uint8Array): { readonly type: string; readonly object: Value } {
  const { type, object } = watchEvent.decode(bytes) as Value
  return { type, object: decodeGo(object.raw as Uint8Array) }
}

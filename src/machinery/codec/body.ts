// The body of a request, from bytes to an object of the kind that the path names, or to the refusal that Kubernetes
// gives. Here too: what strict reading complains about, as an error or as warnings.
import { apiVersionOf } from '#api/resource.ts'
import { yieldToEventLoop } from '#lib/async/yield.ts'
import { copyJson } from '#lib/encoding/copyJson.ts'
import { decodeJson, defaultMaxDepth } from '#lib/encoding/json.ts'
import { exceedsDepth } from '#lib/encoding/jsonDepth.ts'
import type { KeyPath } from '#lib/encoding/jsonScan.ts'
import { decodeYaml } from '#lib/encoding/yaml.ts'
import { definitionNamed, schemaOfKind } from '#machinery/schema/load.ts'
import { isObject, schemaAt, type GroupVersionKind, type JsonObject, type Schema } from '#machinery/schema/model.ts'
import { badRequest, invalid, requestTooLarge } from '#machinery/status.ts'
import { coerceEmbedded } from '#machinery/structural/embedded.ts'
import { prune, pruneNulls } from '#machinery/structural/prune.ts'
import { createReport, problemMessage, quoteString } from '#machinery/validate/report.ts'
import type { MediaType } from './negotiate.ts'
import { mostComplaints } from './explain.ts'
import { decodeProtobuf } from './protobuf.ts'
import { decodeOwnValue, decodeValue, type DecodedValue } from './schemaDecoder.ts'

/** What happens to fields that the kind does not have and keys that stand twice. */
export type FieldValidation = 'Ignore' | 'Warn' | 'Strict'

export interface BodyOptions {
  /** What the path expects; also what a body without apiVersion and kind is taken for. */
  readonly kind: GroupVersionKind
  /** Absent: the schema of the built-in kind. */
  readonly schema?: Schema
  readonly mediaType: MediaType
  readonly fieldValidation?: FieldValidation
  readonly maxBytes?: number
  /** Other kinds that the path takes too, such as `DeleteOptions` written in the version of the resource. */
  readonly accepts?: (kind: GroupVersionKind) => boolean
  /** Whether the object may share parts with the value that it is read from, and so must not be changed. */
  readonly shares?: true
  /** For values that share: an object of the kind that was read before; parts that are its own are not looked at. */
  readonly known?: object | undefined
  /** The refusal of an object whose kind could be read; absent: that of a body. */
  readonly refuse?: (why: Mismatched) => Error
}

/** Why an object is not one of its kind: in the decoder's words, or by what strict reading complains about. */
export type Mismatched = { readonly problem: string } | { readonly complaints: readonly string[] }

export interface DecodedBody {
  readonly object: JsonObject
  /** For the `Warning` header; empty unless fields are validated with `Warn`. */
  readonly warnings: readonly string[]
}

/** Reads a body; throws the StatusError that tells the client why it cannot be read. */
export function decodeBody(bytes: Uint8Array, options: BodyOptions): DecodedBody {
  return readBody(bytes, options)()
}

/** As `decodeBody`, with a pause for others between the two halves of the work on a large body. */
export async function decodeLargeBody(bytes: Uint8Array, options: BodyOptions): Promise<DecodedBody> {
  const decode = readBody(bytes, options)
  await yieldToEventLoop()
  return decode()
}

/** Reads a body as far as it is the same for all kinds; what comes back does the rest. */
function readBody(bytes: Uint8Array, options: BodyOptions): () => DecodedBody {
  if (options.mediaType === 'protobuf') {
    const decoded = decodeProtobuf(bytes, options.kind, limitOf(options))
    if ('problem' in decoded) {
      if (decoded.tooLarge === true) throw requestTooLarge(`Request entity too large: ${decoded.problem}`)
      throw unrecognized(options.kind, bytes, decoded.problem)
    }
    return () => {
      checkKind(decoded.kind, options)
      return decodeObject(decoded.object, decoded.kind, () => [], options)
    }
  }
  const { value, duplicates } = options.mediaType === 'yaml' ? readYaml(bytes, options) : readJson(bytes, options)
  return () => {
    const kind = kindOfBody(value, bytes, options)
    checkKind(kind, options)
    // Aliases of YAML make one object stand in several places.
    return decodeObject(value, kind, duplicates, options, options.mediaType === 'json')
  }
}

/** Reads a value that was parsed already, such as the result of a patch, with the same refusals. */
export function decodeParsed(value: unknown, options: Omit<BodyOptions, 'mediaType' | 'maxBytes'>): DecodedBody {
  const full: BodyOptions = { ...options, mediaType: 'json' }
  if (exceedsDepth(value, defaultMaxDepth, options.known)) {
    if (options.refuse !== undefined) throw options.refuse({ problem: tooDeep })
    throw unrecognized(options.kind, new Uint8Array(), `couldn't get version/kind; json parse error: ${tooDeep}`)
  }
  const kind = kindOfBody(value, new Uint8Array(), full)
  checkKind(kind, full)
  return decodeObject(value, kind, () => [], full)
}

const tooDeep = `exceeded max depth of ${defaultMaxDepth}`

interface Parsed {
  readonly value: unknown
  /** Complaints about keys that stand twice. */
  duplicates(schema: Schema | undefined): readonly string[]
}

const limitOf = (options: BodyOptions): { maxBytes?: number } =>
  options.maxBytes === undefined ? {} : { maxBytes: options.maxBytes }

function readJson(bytes: Uint8Array, options: BodyOptions): Parsed {
  const decoded = decodeJson(bytes, limitOf(options))
  if ('problem' in decoded) {
    if (decoded.tooLarge === true) throw requestTooLarge(`Request entity too large: ${decoded.problem}`)
    throw unrecognized(options.kind, bytes, `couldn't get version/kind; json parse error: ${decoded.problem}`)
  }
  return {
    value: decoded.value,
    duplicates: (schema) =>
      decoded
        .duplicates()
        .filter((path) => schema === undefined || schemaAt(schema, path) !== undefined)
        .map((path) => `duplicate field "${dotted(path)}"`),
  }
}

/** Reading YAML takes ten times as long as JSON, and other clients wait meanwhile. kubectl sends JSON. */
const mostYamlBytes = 1024 * 1024

function readYaml(bytes: Uint8Array, options: BodyOptions): Parsed {
  const decoded = decodeYaml(bytes, { maxBytes: Math.min(options.maxBytes ?? mostYamlBytes, mostYamlBytes) })
  if ('problem' in decoded) {
    if (decoded.tooLarge === true) throw requestTooLarge(`Request entity too large: ${decoded.problem}`)
    throw unrecognized(options.kind, bytes, `yaml: ${decoded.problem}`)
  }
  const value = decoded.documents[0]
  return {
    value: value === undefined ? null : value,
    duplicates: () =>
      decoded.duplicates.length === 0
        ? []
        : [
            `yaml: unmarshal errors:\n${decoded.duplicates.map(({ line, key }) => `  line ${line}: key "${key}" already set in map`).join('\n')}`,
          ],
  }
}

/** A path as messages write it: `spec.containers[0].image`. */
export function dotted(path: KeyPath): string {
  let text = ''
  for (const step of path) text += typeof step === 'number' ? `[${step}]` : text === '' ? step : `.${step}`
  return text
}

/** What the body says it is, with the gaps filled from what the path expects. */
function kindOfBody(value: unknown, bytes: Uint8Array, options: BodyOptions): GroupVersionKind {
  const meta = 'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'
  const refuse = (why: string): never => {
    throw unrecognized(options.kind, bytes, `couldn't get version/kind; json parse error: ${why}`)
  }
  if (value !== null && !isObject(value)) {
    const what = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value
    return refuse(`json: cannot unmarshal ${what} into Go value of type ${meta}`)
  }
  const read = (field: 'apiVersion' | 'kind'): string => {
    const text = value?.[field] ?? ''
    if (typeof text === 'string') return text
    const what = Array.isArray(text) ? 'array' : typeof text === 'boolean' ? 'bool' : typeof text
    return refuse(`json: cannot unmarshal ${what} into Go struct field .${field} of type string`)
  }
  const apiVersion = read('apiVersion')
  const kind = read('kind')
  const parts = apiVersion.split('/')
  if (parts.length > 2) {
    throw unrecognized(options.kind, bytes, `couldn't get version/kind; unexpected GroupVersion string: ${apiVersion}`)
  }
  const version = parts.at(-1) ?? ''
  return {
    group: apiVersion === '' ? options.kind.group : parts.length === 2 ? parts[0]! : '',
    version: version === '' ? options.kind.version : version,
    kind: kind === '' ? options.kind.kind : kind,
  }
}

function checkKind(kind: GroupVersionKind, options: BodyOptions): void {
  const expected = options.kind
  const sameVersion = kind.group === expected.group && kind.version === expected.version
  if (sameVersion && kind.kind === expected.kind) return
  if (options.accepts?.(kind) === true) return
  const apiVersion = apiVersionOf(kind)
  if (options.schema !== undefined && options.schema.definition === undefined) {
    // Custom objects are read without a type: only the version must be right to read them, the kind is a rule.
    if (sameVersion) {
      const cause = {
        reason: 'FieldValueInvalid',
        message: `Invalid value: ${quoteString(kind.kind)}: must be ${expected.kind}`,
        field: 'kind',
      }
      throw invalid(expected, '', [cause])
    }
    throw badRequest(
      `the API version in the data (${apiVersion}) does not match the expected API version (${apiVersionOf(expected)})`,
    )
  }
  const known = schemaOfKind(kind)
  if (known !== undefined && kind.kind === expected.kind) {
    throw badRequest(
      `the API version in the data (${apiVersion}) does not match the expected API version (${apiVersionOf(expected)})`,
    )
  }
  const why =
    known === undefined
      ? `no kind "${kind.kind}" is registered for version "${apiVersion}" in scheme "k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:31"`
      : `converting (${kind.version}.${kind.kind}) to (${packageOf(expected)}.${expected.kind}): unknown conversion`
  throw cannotBeHandled(kind, expected, why)
}

/** The package in which upstream keeps the common form of a kind: the folder of its group. */
function packageOf(kind: GroupVersionKind): string {
  return schemaOfKind(kind)?.definition?.split('.').at(-3) ?? kind.group
}

function decodeObject(
  value: unknown,
  kind: GroupVersionKind,
  duplicates: Parsed['duplicates'],
  options: BodyOptions,
  isPrivate = false,
): DecodedBody {
  // Options are written in the version of the resource they are for, and are the same in all.
  const schema = options.schema ?? schemaOfKind(kind) ?? schemaOfKind(options.kind)
  if (schema === undefined) throw new Error(`Cannot decode ${apiVersionOf(kind)} ${kind.kind}: no schema`)
  const apiVersion = apiVersionOf(kind)
  // Custom resources are kept as they are: their own schema prunes, defaults and checks them.
  const isCustom = schema.definition === undefined
  const validation = options.fieldValidation ?? 'Warn'
  // Asked first: what is decoded in place may lose keys, and with them what tells that none stood twice.
  const repeated = validation === 'Ignore' ? [] : duplicates(isCustom ? undefined : schema)
  const shares = isPrivate || options.shares === true
  const decoded = isCustom
    ? decodeCustom(schema, value, isPrivate)
    : shares
      ? decodeOwnValue(schema, value ?? {}, options.known)
      : decodeValue(schema, value ?? {})
  const refuse =
    options.refuse ??
    ((why: Mismatched) =>
      cannotBeHandled(kind, options.kind, 'problem' in why ? why.problem : strictProblem(why.complaints)))
  if ('problem' in decoded) throw refuse(decoded)
  const object: JsonObject = { kind: '', apiVersion: '', ...decoded.value }
  object['kind'] = kind.kind
  object['apiVersion'] = apiVersion
  if (validation === 'Ignore') return { object, warnings: [] }
  const complaints = [...decoded.complaints, ...repeated].slice(0, mostComplaints)
  if (complaints.length > 0 && validation === 'Strict') throw refuse({ complaints })
  return { object, warnings: complaints }
}

/** What strict reading complains about, as one sentence. */
export function strictProblem(complaints: readonly string[]): string {
  return `strict decoding error: ${complaints.join(', ')}`
}

/** An object of a user's kind: its own schema says which fields there are, and rules check them later. */
function decodeCustom(schema: Schema, value: unknown, isPrivate: boolean): DecodedValue {
  const object = isObject(value) ? (isPrivate ? value : copyJson(value)) : {}
  const metadata = decodeValue(
    definitionNamed('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'),
    object['metadata'] ?? {},
  )
  if ('problem' in metadata) return metadata
  object['metadata'] = metadata.value
  const { report, problems } = createReport()
  coerceEmbedded(schema, object, report)
  const [problem] = problems
  if (problem !== undefined) return { problem: `${problem.field}: ${problemMessage(problem)}` }
  const unknown = prune(schema, object)
  pruneNulls(schema, object)
  return {
    value: object,
    complaints: [
      ...metadata.complaints.map((complaint) => complaint.replace('"', '"metadata.')),
      ...unknown.map((path) => `unknown field "${path}"`),
    ],
  }
}

/** The refusal of an object whose kind could be read. */
function cannotBeHandled(
  kind: Pick<GroupVersionKind, 'version' | 'kind'>,
  expected: Pick<GroupVersionKind, 'kind'>,
  why: string,
): Error {
  return badRequest(`${kind.kind} in version "${kind.version}" cannot be handled as a ${expected.kind}: ${why}`)
}

function unrecognized(expected: GroupVersionKind, bytes: Uint8Array, why: string): Error {
  return badRequest(
    `the object provided is unrecognized (must be of type ${expected.kind}): ${why} (${summary(bytes)})`,
  )
}

/** The beginning of a body: as text when it looks like JSON, otherwise in hexadecimal digits. */
function summary(bytes: Uint8Array): string {
  if (bytes.length === 0) return '<empty>'
  const begin = bytes.subarray(0, 30)
  const more = bytes.length > 30 ? ' ...' : ''
  if (bytes[0] === 0x7b) return new TextDecoder().decode(begin) + more
  return Array.from(begin, (byte) => byte.toString(16).padStart(2, '0')).join('') + more
}

// The body of an apply: what a client wants to have of an object, in YAML or JSON.
import { apiVersionOf } from '#api/resource.ts'
import { yieldToEventLoop } from '#lib/async/yield.ts'
import { decodeJson, defaultMaxDepth } from '#lib/encoding/json.ts'
import { exceedsDepth } from '#lib/encoding/jsonDepth.ts'
import { decodeYaml } from '#lib/encoding/yaml.ts'
import type { Shape } from '#machinery/patch/fieldShape.ts'
import { fieldProblems } from '#machinery/patch/mergeFields.ts'
import { isObject, type GroupVersionKind, type JsonObject } from '#machinery/schema/model.ts'
import { badRequest, type StatusError } from '#machinery/status.ts'
import { readBody, type FieldValidation } from './decode.ts'
import { plainFailure } from './errors.ts'
import { addWarning, type Exchange } from './exchange.ts'

/** Reads the body of an apply on objects of a kind, whose whole shape is given. */
export async function readApply(
  exchange: Exchange,
  kind: GroupVersionKind,
  shape: Shape,
  validation: FieldValidation,
): Promise<JsonObject> {
  const { value, duplicates } = await readObject(exchange)
  exchange.audit?.patched(value)
  if (!isObject(value)) {
    const what = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value
    if (value !== null) {
      throw undecodable(
        `error unmarshaling JSON: while decoding JSON: json: cannot unmarshal ${what} into Go value of type map[string]interface {}`,
      )
    }
  }
  const applied = isObject(value) ? value : {}
  checkKind(applied, kind)
  const metadata = isObject(applied['metadata']) ? applied['metadata'] : {}
  if (Array.isArray(metadata['managedFields'])) throw badRequest('metadata.managedFields must be nil')
  if (exchange.isLarge) await yieldToEventLoop()
  const problems = fieldProblems(shape, applied)
  if (problems.length > 0) {
    const { namespace = '', name = '' } = metadata
    const text = problems.length === 1 ? problems[0]! : ['errors:', ...problems.map((each) => `  ${each}`)].join('\n')
    throw plainFailure(
      500,
      `failed to create typed patch object (${String(namespace)}/${String(name)}; ${kindText(kind)}): ${text}`,
    )
  }
  if (duplicates !== undefined && validation !== 'Ignore') {
    const complaint = `error converting YAML to JSON: yaml: unmarshal errors:\n${duplicates}`
    if (validation === 'Strict') throw badRequest(`error strict decoding YAML: ${complaint}`)
    addWarning(exchange, complaint)
  }
  return applied
}

interface ReadObject {
  readonly value: unknown
  /** Which keys stand twice, a line for each; undefined: none. */
  readonly duplicates: string | undefined
}

async function readObject(exchange: Exchange): Promise<ReadObject> {
  const { request } = exchange
  if ('object' in request.body) {
    const value = request.body.object
    if (exceedsDepth(value, defaultMaxDepth)) {
      throw badRequest(`error decoding YAML: exceeded max depth of ${defaultMaxDepth}`)
    }
    return { value, duplicates: undefined }
  }
  const bytes = await readBody(exchange)
  // What most clients send is JSON, which is YAML too but quicker to read.
  const json = bytes[0] === 0x7b ? decodeJson(bytes) : undefined
  if (json !== undefined && 'value' in json && json.duplicates().length === 0) {
    return { value: json.value, duplicates: undefined }
  }
  const yaml = decodeYaml(bytes, { maxBytes: 1024 * 1024 })
  if ('problem' in yaml) throw undecodable(`error converting YAML to JSON: yaml: ${yaml.problem}`)
  const duplicates = yaml.duplicates.map(
    ({ line, key }) => `  line ${line}: key ${JSON.stringify(key)} already set in map`,
  )
  return { value: yaml.documents[0] ?? null, duplicates: duplicates.length === 0 ? undefined : duplicates.join('\n') }
}

const undecodable = (why: string): StatusError => badRequest(`error decoding YAML: ${why}`)

const kindText = ({ group, version, kind }: GroupVersionKind): string => `${group}/${version}, Kind=${kind}`

function checkKind(applied: JsonObject, expected: GroupVersionKind): void {
  const text = (field: string): string => (typeof applied[field] === 'string' ? applied[field] : '')
  const [apiVersion, kind] = [text('apiVersion'), text('kind')]
  if (apiVersion === apiVersionOf(expected) && kind === expected.kind) return
  const slash = apiVersion.lastIndexOf('/')
  const given = { group: apiVersion.slice(0, Math.max(0, slash)), version: apiVersion.slice(slash + 1), kind }
  throw badRequest(`invalid object type: ${kindText(given)}`)
}

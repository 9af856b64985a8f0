// The OpenAPI document of another server as part of this server's own (version 2, where all is in one document).
import { sameJson } from '#lib/encoding/sameJson.ts'
import { setOwn } from '#lib/encoding/setOwn.ts'
import { isObject, type JsonObject } from '#machinery/schema/model.ts'

/** What of a document belongs to one version of a group. */
export interface OpenApiPart {
  /** The name and the version of the document. */
  readonly info: JsonObject
  readonly paths: JsonObject
  /** By the section of the document and the name in it: what the paths refer to, and what that refers to. */
  readonly shared: Readonly<Record<Section, JsonObject>>
}

const sections = ['definitions', 'parameters', 'responses'] as const
type Section = (typeof sections)[number]

/** Values nested more deeply are no schema that anybody wrote. */
const deepest = 100

/** The part of a document that belongs to a version of a group. Throws when it is nested too deeply. */
export function openApiPart(document: JsonObject, group: string, version: string): OpenApiPart {
  const root = `/apis/${group}/${version}/`
  const all = isObject(document['paths']) ? document['paths'] : {}
  const paths: JsonObject = {}
  for (const [path, item] of Object.entries(all)) if (path.startsWith(root)) setOwn(paths, path, item)
  const shared = { definitions: {}, parameters: {}, responses: {} }
  const waiting: unknown[] = [paths]
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    forEachReference(value, (section, name) => {
      const source = document[section]
      if (Object.hasOwn(shared[section], name) || !isObject(source) || !Object.hasOwn(source, name)) return
      setOwn(shared[section], name, source[name])
      waiting.push(source[name])
    })
  }
  const { title, version: edition } = isObject(document['info']) ? document['info'] : {}
  const info = { title: typeof title === 'string' ? title : '', version: typeof edition === 'string' ? edition : '' }
  return { info, paths, shared }
}

const reference = /^#\/(definitions|parameters|responses)\/(.+)$/

function forEachReference(value: unknown, see: (section: Section, name: string) => void, depth = 0): void {
  if (depth > deepest) throw new Error(`the OpenAPI document is nested more than ${deepest} deep`)
  if (Array.isArray(value)) for (const each of value) forEachReference(each, see, depth + 1)
  else if (isObject(value)) {
    for (const [key, member] of Object.entries(value)) {
      const match = key === '$ref' && typeof member === 'string' ? reference.exec(member) : null
      if (match !== null) see(match[1] as Section, match[2]!)
      else forEachReference(member, see, depth + 1)
    }
  }
}

/**
 * The document with parts of other servers. Paths that it has stay its own. What others call as it does but mean
 * otherwise gets another name: `io.example.Thing_v2`.
 */
export function withParts(document: JsonObject, parts: readonly OpenApiPart[]): JsonObject {
  if (parts.length === 0) return document
  const merged: JsonObject = { ...document }
  for (const section of ['paths', ...sections]) {
    if (isObject(document[section])) merged[section] = { ...document[section] }
  }
  for (const part of parts) addPart(merged, part)
  return merged
}

function addPart(document: JsonObject, { paths, shared }: OpenApiPart): void {
  const names = new Map<string, string>()
  for (const section of sections) {
    for (const [name, value] of Object.entries(shared[section])) {
      const free = freeName(document[section], name, value)
      if (free !== name) names.set(`${section}/${name}`, free)
    }
  }
  const own = names.size === 0 ? (value: unknown) => value : (value: unknown) => renamed(value, names)
  for (const section of sections) {
    for (const [name, value] of Object.entries(shared[section])) {
      const target = isObject(document[section]) ? document[section] : (document[section] = {})
      setOwn(target as JsonObject, names.get(`${section}/${name}`) ?? name, own(value))
    }
  }
  const target = isObject(document['paths']) ? document['paths'] : (document['paths'] = {})
  for (const [path, item] of Object.entries(paths)) {
    if (!Object.hasOwn(target as JsonObject, path)) setOwn(target as JsonObject, path, own(item))
  }
}

function freeName(section: unknown, name: string, value: unknown): string {
  if (!isObject(section)) return name
  for (let number = 1; ; number++) {
    const free = number === 1 ? name : `${name}_v${number}`
    if (!Object.hasOwn(section, free) || sameJson(section[free], value)) return free
  }
}

function renamed(value: unknown, names: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(value)) return value.map((each) => renamed(each, names))
  if (!isObject(value)) return value
  const copy: JsonObject = {}
  for (const [key, member] of Object.entries(value)) {
    const match = key === '$ref' && typeof member === 'string' ? reference.exec(member) : null
    const name = match === null ? undefined : names.get(`${match[1]}/${match[2]}`)
    setOwn(copy, key, name === undefined ? renamed(member, names) : `#/${match![1]}/${name}`)
  }
  return copy
}

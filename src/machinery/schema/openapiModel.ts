// What the documents about the API are written from: kinds in service on one side, paths with operations on the other.
import type { JSONSchemaProps } from '#api/apiextensions/v1/jsonSchema.ts'
import type { GroupVersionKind } from './model.ts'

/** A kind in service, as far as documents about the API need to know it. */
export interface ServedResource {
  readonly kind: GroupVersionKind
  /** Its name in paths. */
  readonly plural: string
  readonly scope: 'Namespaced' | 'Cluster'
  /** As discovery has them: `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`. */
  readonly verbs: readonly string[]
  readonly subresources: readonly ServedSubresource[]
  /** A deletion answers with the object instead of a Status. */
  readonly answersDeleted: boolean
  /** Of kinds that users defined: what they said of its objects. */
  readonly custom?: CustomSchema
}

/** What a user said of the objects of a kind. */
export interface CustomSchema {
  readonly schema?: JSONSchemaProps
  /** Fields that the schema does not know are kept everywhere. */
  readonly preservesUnknown: boolean
  readonly listKind: string
  /** Paths without a leading dot. */
  readonly selectableFields: readonly string[]
}

/** A part of a kind with a path of its own. */
export interface ServedSubresource {
  readonly name: string
  /** What travels, or the options of a connection such as PodExecOptions. */
  readonly kind: GroupVersionKind
  /** `get`, `create`, `update`, `patch`; or `connect` alone. */
  readonly verbs: readonly string[]
}

/** Sentences by definition, and by definition and field, as `descriptions()` of load.ts gives them. */
export type Words = ReadonlyMap<string, string>

/** The methods that an operation can have. */
export type Method = 'get' | 'put' | 'post' | 'delete' | 'options' | 'head' | 'patch'

/** A parameter in the path or the query. */
export interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query'
  readonly type: 'string' | 'integer' | 'boolean'
  readonly description: string
}

/** What a body or an answer is: a definition by its name, or plain text. */
export type Content = { readonly definition: string } | 'string'

/** One method on one path. */
export interface Operation {
  readonly method: Method
  readonly id: string
  readonly description: string
  readonly tag: string
  /** `x-kubernetes-action`. */
  readonly action?: string
  /** `x-kubernetes-group-version-kind`. */
  readonly kind?: GroupVersionKind
  readonly consumes: readonly string[]
  readonly produces: readonly string[]
  /** Those that not every operation of the path has, by name. */
  readonly parameters: readonly Parameter[]
  readonly body?: { readonly definition: string; readonly required: boolean }
  readonly responses: readonly Answer[]
}

/** What an operation can answer. */
export interface Answer {
  readonly code: number
  readonly description: string
  readonly content?: Content
}

/** Everything that can be done on one path. */
export interface PathItem {
  readonly path: string
  /** Those that all operations of the path have, by name. */
  readonly parameters: readonly Parameter[]
  readonly operations: readonly Operation[]
}

/** Definitions of apimachinery's meta/v1 begin with this. */
export const metaPrefix = 'io.k8s.apimachinery.pkg.apis.meta.v1.'

/** The body of a patch; a type of documents alone. */
export const patchDefinition = `${metaPrefix}Patch`

/** The answer of `/version`; a type of documents alone. */
export const versionDefinition = 'io.k8s.apimachinery.pkg.version.Info'

/** What objects are written in. */
export const objectTypes: readonly string[] = [
  'application/json',
  'application/yaml',
  'application/vnd.kubernetes.protobuf',
]

const answerTexts = { 200: 'OK', 201: 'Created', 202: 'Accepted' } as const

/** The answers of an operation: the given content under each code, and that the caller is not known. */
export function answers(content: Content, ...codes: readonly (keyof typeof answerTexts)[]): Answer[] {
  const known = codes.map((code) => ({ code, description: answerTexts[code], content }))
  return [...known, { code: 401, description: 'Unauthorized' }]
}

/** How operations call a group: `core`, `apps`, `rbacAuthorization`. */
export function groupWord(group: string): string {
  if (group === '') return 'core'
  const [first = '', ...rest] = group.replace(/\.k8s\.io$/, '').split('.')
  return first + rest.map(capital).join('')
}

/** The text with its first letter in upper case. */
export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

import { sameJson } from '#lib/encoding/sameJson.ts'
import { setOwn } from '#lib/encoding/setOwn.ts'
import { isJsonObject, type Json } from './merge.ts'

/** More operations than this in one patch are refused before any is applied. */
export const maximumOperations = 10_000

/** Why a JSON patch cannot be read or does not fit the object. */
export class JsonPatchError extends Error {
  /** `malformed`: the patch is not one; `unfit`: it is, but not for this object. */
  readonly fault: 'malformed' | 'unfit'

  constructor(fault: 'malformed' | 'unfit', message: string) {
    super(message)
    this.name = 'JsonPatchError'
    this.fault = fault
  }
}

type Operation =
  | { readonly op: 'add' | 'replace' | 'test'; readonly path: string; readonly value: Json }
  | { readonly op: 'remove'; readonly path: string }
  | { readonly op: 'move' | 'copy'; readonly path: string; readonly from: string }

/** Reads the list of operations. Throws a JsonPatchError on anything that is not one. */
export function readJsonPatch(patch: Json): readonly Operation[] {
  const no = (value: Json, what: string): JsonPatchError => {
    const word = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value
    return new JsonPatchError('malformed', `json: cannot unmarshal ${word} into Go ${what}`)
  }
  if (!Array.isArray(patch)) throw no(patch, 'value of type []handlers.jsonPatchOp')
  return patch.map((entry: Json): Operation => {
    if (!isJsonObject(entry)) throw no(entry, 'value of type handlers.jsonPatchOp')
    const { op, path, from } = entry
    for (const [name, member] of Object.entries({ op, path, from })) {
      if (typeof member === 'string' || member === undefined || member === null) continue
      throw no(member, `struct field jsonPatchOp.${name} of type string`)
    }
    if (typeof path !== 'string') throw new JsonPatchError('unfit', `operation lacks a path`)
    switch (op) {
      case 'add':
      case 'replace':
      case 'test':
        return { op, path, value: Object.hasOwn(entry, 'value') ? entry['value']! : null }
      case 'remove':
        return { op, path }
      case 'move':
      case 'copy':
        if (typeof from !== 'string') throw new JsonPatchError('unfit', `operation "${op}" lacks from`)
        return { op, path, from }
      default:
        throw new JsonPatchError('unfit', `Unexpected kind: ${String(op)}`)
    }
  })
}

/**
 * RFC 6902: applies the operations one after another and returns the new document; the given one stays as it is.
 *
 *     { a: [1, 2] }  +  [{ op: 'add', path: '/a/1', value: 9 }, { op: 'remove', path: '/a/0' }]  =  { a: [9, 2] }
 */
export function applyJsonPatch(target: Json, operations: readonly Operation[]): Json {
  let document = structuredClone(target) as Json
  /** What copies may add in all, so that a patch cannot double itself into something huge. */
  let copied = 0
  for (const operation of operations) {
    switch (operation.op) {
      case 'add':
        document = put(document, operation.path, structuredClone(operation.value), 'add')
        break
      case 'replace':
        read(document, operation.path, 'replace')
        document = put(document, operation.path, structuredClone(operation.value), 'replace')
        break
      case 'remove':
        document = remove(document, operation.path)
        break
      case 'test':
        checkTest(document, operation.path, operation.value)
        break
      case 'copy': {
        const value = structuredClone(read(document, operation.from, 'copy'))
        copied += JSON.stringify(value).length
        if (copied > maximumCopied) {
          throw new JsonPatchError('unfit', `copies of ${copied} bytes exceed the limit of ${maximumCopied}`)
        }
        document = put(document, operation.path, value, 'add')
        break
      }
      case 'move': {
        const value = read(document, operation.from, 'move')
        if (operation.path !== operation.from && operation.path.startsWith(`${operation.from}/`)) {
          throw new JsonPatchError('unfit', `cannot move "${operation.from}" into itself`)
        }
        document = put(remove(document, operation.from), operation.path, value, 'add')
        break
      }
    }
  }
  return document
}

const maximumCopied = 3 * 1024 * 1024

type Container = Json[] | Record<string, Json>

function pointerTokens(path: string): string[] {
  if (path === '') return []
  if (!path.startsWith('/')) throw new JsonPatchError('unfit', `path "${path}" does not start with "/"`)
  return path
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
}

function child(container: Json, token: string): Json | undefined {
  if (Array.isArray(container)) return container[listIndex(token, container.length)]
  if (isJsonObject(container)) return Object.hasOwn(container, token) ? container[token] : undefined
  return undefined
}

/** Plain decimal numbers, and negative ones counted from the end as the Go library of the API server allows. */
function listIndex(token: string, length: number): number {
  if (!/^-?(0|[1-9]\d{0,8})$/.test(token)) return -1
  const index = Number(token)
  return index < 0 ? index + length : index
}

function missing(operation: string, path: string): JsonPatchError {
  return new JsonPatchError(
    'unfit',
    `${operation} operation does not apply: doc is missing path: "${path}": missing value`,
  )
}

function read(document: Json, path: string, operation: string): Json {
  let value: Json | undefined = document
  for (const token of pointerTokens(path)) {
    value = child(value, token)
    if (value === undefined) throw missing(operation, path)
  }
  return value
}

/** The container that holds the last token of the path; it belongs to the private copy and may be changed. */
function parentOf(document: Json, path: string, operation: string): { parent: Container; token: string } {
  const tokens = pointerTokens(path)
  const token = tokens.pop()!
  let value: Json | undefined = document
  for (const each of tokens) {
    value = child(value, each)
    if (value === undefined) throw missing(operation, path)
  }
  if (typeof value !== 'object' || value === null) throw missing(operation, path)
  return { parent: value as Container, token }
}

function put(document: Json, path: string, value: Json, operation: 'add' | 'replace'): Json {
  if (path === '') return value
  const { parent, token } = parentOf(document, path, operation)
  if (!Array.isArray(parent)) {
    setOwn(parent, token, value)
    return document
  }
  const index = token === '-' && operation === 'add' ? parent.length : listIndex(token, parent.length)
  if (index < 0 || index > parent.length || (operation === 'replace' && index === parent.length)) {
    throw new JsonPatchError('unfit', `Unable to access invalid index: ${token}: invalid index referenced`)
  }
  if (operation === 'add') parent.splice(index, 0, value)
  else parent[index] = value
  return document
}

function remove(document: Json, path: string): Json {
  if (path === '') throw missing('remove', path)
  const { parent, token } = parentOf(document, path, 'remove')
  if (Array.isArray(parent)) {
    const index = listIndex(token, parent.length)
    if (index < 0 || index >= parent.length) {
      throw new JsonPatchError('unfit', `Unable to access invalid index: ${token}: invalid index referenced`)
    }
    parent.splice(index, 1)
  } else {
    if (!Object.hasOwn(parent, token)) {
      throw new JsonPatchError('unfit', `Unable to remove nonexistent key: ${token}: missing value`)
    }
    delete parent[token]
  }
  return document
}

/** A missing member equals null, as RFC 6902 libraries of Go have it. */
function checkTest(document: Json, path: string, expected: Json): void {
  let found: Json | undefined = document
  for (const token of pointerTokens(path)) {
    if (found === undefined) break
    found = child(found, token)
  }
  if (!sameJson(found ?? null, expected)) throw new JsonPatchError('unfit', `testing value ${path} failed: test failed`)
}

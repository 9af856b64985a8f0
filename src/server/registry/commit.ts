import type { KubeObject } from '#api/resource.ts'
import { exceedsJsonSize } from '#lib/encoding/jsonSize.ts'
import { decodeOwnValue } from '#machinery/codec/schemaDecoder.ts'
import { failure, requestTooLarge, timeout, unavailable, type StatusError } from '#machinery/status.ts'
import { StoreError, type CommitResult, type Revision, type StoreWrite } from '#storage/store.ts'
import type { Kind } from '../kind.ts'
import { encodeObject, rememberWritten, StoredObject, type EncodedObject } from '../storedObject.ts'
import type { RegistryContext } from './context.ts'
import type { OwnerRule } from './owners.ts'

/** What a write needs of the server. */
export type CommitContext = Pick<RegistryContext, 'store' | 'leases'>

/** The largest object that is stored, in bytes of JSON: etcd's limit for one request. */
export const largestObject = 1.5 * 1024 * 1024

/**
 * An object in its canonical form: members in the order of the API, and none that say nothing. Shares parts with `object`;
 * those that are the very ones of `stored`, which is in that form, stay as they are.
 */
export function canonicalObject(kind: Kind, object: KubeObject, stored?: KubeObject): KubeObject {
  const decoded = decodeOwnValue(kind.schema, object, stored)
  if ('problem' in decoded)
    throw new Error(`Cannot store ${kind.resource.kind} "${object.metadata.name}": ${decoded.problem}`)
  return decoded.value as unknown as KubeObject
}

/** An object as it is stored: in canonical form, and as bytes. */
export interface ToStore {
  readonly canonical: KubeObject
  readonly encoded: EncodedObject
}

/**
 * An object as it is to be stored, canonical and encoded. Who owns its fields is left out where the object is too large
 * with it, unless an apply needs to know. Custom kinds may have to ask for the form in which they are stored. `before` is
 * what it is to replace.
 */
export function toStore(
  kind: Kind,
  object: KubeObject,
  owners: OwnerRule,
  before?: StoredObject,
): ToStore | Promise<ToStore> {
  const { custom } = kind
  if (custom === undefined) return encodedToStore(canonicalObject(kind, object, before?.object), owners, false, before)
  const stored = custom.view.toStored(object)
  return stored instanceof Promise
    ? stored.then((canonical) => encodedToStore(canonical, owners, true))
    : encodedToStore(stored, owners, true)
}

function encodedToStore(canonical: KubeObject, owners: OwnerRule, isSorted: boolean, before?: StoredObject): ToStore {
  const encoded = encodeObject(canonical, isSorted, before)
  if (encoded.value.length <= largestObject || owners === 'said' || canonical.metadata.managedFields === undefined) {
    return { canonical, encoded }
  }
  const { managedFields: _, ...metadata } = canonical.metadata
  const smaller = { ...canonical, metadata }
  return { canonical: smaller, encoded: encodeObject(smaller, isSorted, before) }
}

/** The refusal of an object that would not fit into the store. */
export function objectTooLarge(): StatusError {
  return requestTooLarge(`Request entity too large: limit is ${largestObject}`)
}

/**
 * Refuses an object that would not fit into the store, before anything costly is done with it. Without metadata: who owns
 * the fields is left out of an object that would be too large with it.
 */
export function checkSize({ metadata: _, ...rest }: KubeObject): void {
  if (exceedsJsonSize(rest, largestObject)) throw objectTooLarge()
}

/** Writes an encoded object if the key is still at `expected`. `object` must not be changed afterwards. */
export async function writeObject(
  context: CommitContext,
  kind: Kind,
  key: string,
  expected: Revision,
  encoded: EncodedObject,
  object: KubeObject,
): Promise<{ readonly ok: true; readonly stored: StoredObject } | { readonly ok: false }> {
  if (encoded.value.length > largestObject) {
    throw objectTooLarge()
  }
  rememberWritten(encoded, object)
  const { ttlSeconds } = kind.strategy
  const write: StoreWrite =
    ttlSeconds === undefined
      ? { value: encoded.value }
      : { value: encoded.value, lease: await context.leases.lease(ttlSeconds) }
  const result = await commit(context, key, expected, write)
  return result.ok ? { ok: true, stored: StoredObject.of(key, result.revision, encoded.value) } : { ok: false }
}

/** One compare-and-swap; trouble of the store becomes what clients can act on. */
export function commit(
  context: Pick<CommitContext, 'store'>,
  key: string,
  expected: Revision,
  write: StoreWrite,
): Promise<CommitResult> {
  return context.store.commit(key, expected, write).catch((error: unknown) => {
    throw refusalOf(error)
  })
}

/** What a client is told about an error of the store. Anything else is passed on. */
export function refusalOf(error: unknown): unknown {
  if (!(error instanceof StoreError)) return error
  switch (error.reason) {
    case 'full':
      return failure('InternalError', `etcdserver: mvcc: database space exceeded: ${error.message}`)
    case 'unavailable':
    case 'closed':
    case 'locked':
      return unavailable(error.message)
    case 'future':
      return timeout(error.message, 1)
    default:
      return error
  }
}

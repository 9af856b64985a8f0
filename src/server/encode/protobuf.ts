import type { ListMeta } from '#api/meta/v1/list.ts'
import {
  encodeList,
  encodeMessage,
  encodeProtobuf,
  encodeWatchFrame,
  encodeWatchFrames,
} from '#machinery/codec/protobuf.ts'
import { definitionNamed } from '#machinery/schema/load.ts'
import type { GroupVersionKind } from '#machinery/schema/model.ts'
import type { Kind } from '../kind.ts'
import type { StoredObject } from '../storedObject.ts'

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** The kind that an object says it is. */
function kindOf(object: object): GroupVersionKind {
  const { apiVersion = '', kind = '' } = object as { readonly apiVersion?: string; readonly kind?: string }
  const slash = apiVersion.indexOf('/')
  return { group: apiVersion.slice(0, Math.max(0, slash)), version: apiVersion.slice(slash + 1), kind }
}

function encodeEnveloped(object: object): Uint8Array {
  const kind = kindOf(object)
  if (kind.version === 'v1beta1' && kind.kind === 'PartialObjectMetadataList') return encodeBetaList(kind, object)
  // What is common to all groups travels in a group of its own, in several versions of one form.
  const shape = kind.group === 'meta.k8s.io' ? { group: '', version: 'v1', kind: kind.kind } : kind
  return encodeProtobuf(kind, object, shape)
}

/** The beta form of lists of metadata counts its two fields the other way round. */
function encodeBetaList(kind: GroupVersionKind, object: object): Uint8Array {
  const { metadata, items } = object as { readonly metadata: ListMeta; readonly items: readonly object[] }
  const schema = definitionNamed('io.k8s.apimachinery.pkg.apis.meta.v1.PartialObjectMetadata')
  const messages = items.map((item) => encodeMessage(schema, item))
  return encodeList(kind, metadata, messages, { metadata: 2, items: 1 })
}

/** One object in the envelope of Kubernetes' protobuf. */
export function encodeObjectProtobuf(object: object): Buffer {
  return asBuffer(encodeEnveloped(object))
}

/** The message of an object alone, which is kept. */
function messageOf(kind: Kind, stored: StoredObject): Buffer {
  return stored.encoded('protobuf message', (object) => asBuffer(encodeMessage(kind.schema, object)))
}

/** A list of objects, from their own messages. */
export function encodeListProtobuf(kind: Kind, items: readonly StoredObject[], metadata: ListMeta): Buffer {
  const { group, version, kind: name } = kind.resource
  const messages = items.map((stored) => messageOf(kind, stored))
  return asBuffer(encodeList({ group, version, kind: `${name}List` }, metadata, messages))
}

/** One event of a watch, with its length before it. */
export function encodeEventProtobuf(type: string, object: object): Buffer {
  return asBuffer(encodeWatchFrame(type, encodeEnveloped(object)))
}

/** Events of a watch about stored objects, from their own messages. */
export function encodeStoredEvents(kind: Kind, type: string, stored: readonly StoredObject[]): Buffer {
  return asBuffer(
    encodeWatchFrames(
      kind.resource,
      type,
      stored.map((each) => messageOf(kind, each)),
    ),
  )
}

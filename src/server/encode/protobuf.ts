import type { ListMeta } from '#api/meta/v1/list.ts'
import type { KubeObject } from '#api/resource.ts'
import { encodeProtobuf } from '#machinery/codec/protobuf.ts'
import type { Kind } from '../kind.ts'
import type { StoredObject } from '../storedObject.ts'
import { listKind } from '../transform.ts'

/** One object in the envelope of Kubernetes' protobuf. */
export function encodeObjectProtobuf(object: KubeObject): Buffer {
  return encodeProtobuf(object)
}

/** A list of objects. */
export function encodeListProtobuf(kind: Kind, items: readonly StoredObject[], metadata: ListMeta): Buffer {
  return encodeProtobuf({ ...listKind(kind), metadata, items: items.map(({ object }) => object) })
}

/** One event of a watch: its length as four bytes, then the event, which carries the object in its envelope. */
export function encodeEventProtobuf(type: string, object: object): Buffer {
  const body = encodeProtobuf(object as KubeObject)
  // A WatchEvent has two fields: the type (1), and the object (2) as a RawExtension, whose only field (1) is bytes.
  const extension = Buffer.concat([Buffer.of(0x0a), varint(body.length), body])
  const name = Buffer.from(type)
  const event = Buffer.concat([Buffer.of(0x0a), varint(name.length), name, Buffer.of(0x12), varint(extension.length), extension])
  const length = Buffer.allocUnsafe(4)
  length.writeUInt32BE(event.length)
  return Buffer.concat([length, event])
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80)
    rest >>>= 7
  }
  bytes.push(rest)
  return Buffer.from(bytes)
}

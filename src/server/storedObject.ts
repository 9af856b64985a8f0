import type { ManagedFieldsEntry } from '#api/meta/v1/objectMeta.ts'
import type { KubeObject } from '#api/resource.ts'
import { deepFreeze } from '#lib/encoding/deepFreeze.ts'
import { ownersText, storedOwners, type Owners } from '#machinery/patch/managedFields.ts'
import type { Revision } from '#storage/store.ts'

/** The members of `metadata` in the order in which the API writes them, up to where the revision belongs … */
const metadataHead = ['name', 'generateName', 'namespace', 'selfLink', 'uid'] as const
/** … and behind it. */
const metadataTail = [
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'labels',
  'annotations',
  'ownerReferences',
  'finalizers',
  'managedFields',
] as const

/** An object as the store takes it: canonical JSON without `metadata.resourceVersion`, which only the commit decides. */
export interface EncodedObject {
  readonly value: Buffer
  /** Where in `value` the revision will be spliced in. */
  readonly splice: number
  /** Where long members stand in `value`, all behind the splice. */
  readonly spans?: readonly Span[]
}

/** Where the JSON of a member stands in bytes. */
interface Span {
  readonly name: string
  readonly start: number
  readonly end: number
}

/** From this length on it is worth it to remember where a member stands. */
const longMember = 256

/**
 * The canonical JSON of an object. Members of `metadata` come in the order of the API, the revision is left out:
 *
 *     {"kind":"Pod","apiVersion":"v1","metadata":{"name":"a","namespace":"b","uid":"c"|,"generation":1},"spec":{}}
 *                                                                                  ^ splice
 *
 * Members that are the very ones of `before` are copied from its bytes, where it is known where they stand.
 */
export function encodeObject(object: KubeObject, isSorted = false, before?: StoredObject): EncodedObject {
  if (isSorted) return encodeSorted(object)
  const { kind, apiVersion, metadata } = object
  let head = `{"kind":${JSON.stringify(kind)},"apiVersion":${JSON.stringify(apiVersion)},"metadata":{`
  let first = true
  for (const key of metadataHead) {
    const value = metadata[key]
    if (value === undefined || value === '') continue
    head += `${first ? '' : ','}"${key}":${JSON.stringify(value)}`
    first = false
  }
  let tail = ''
  for (const key of metadataTail) {
    const value = metadata[key]
    if (value === undefined || isEmpty(value)) continue
    tail += `,"${key}":${key === 'managedFields' ? ownersText(value as Owners) : JSON.stringify(value)}`
  }
  const splice = Buffer.byteLength(head)
  let text = `${head}${tail}}`
  const pieces: Piece[] = []
  for (const name in object) {
    if (name === 'kind' || name === 'apiVersion' || name === 'metadata') continue
    const member = (object as unknown as Record<string, unknown>)[name]
    if (member === undefined) continue
    text += `,"${name}":`
    const json = before?.memberJson(name, member) ?? JSON.stringify(member)
    if (typeof json === 'string' && json.length < longMember) text += json
    else {
      pieces.push({ content: text }, { name, content: json })
      text = ''
    }
  }
  return { ...joined([...pieces, { content: `${text}}` }]), splice }
}

/** A part of an object's JSON; those with a name are members. */
interface Piece {
  readonly name?: string
  readonly content: string | Buffer
}

function joined(pieces: readonly Piece[]): Pick<EncodedObject, 'value' | 'spans'> {
  let length = 0
  for (const { content } of pieces) length += Buffer.byteLength(content)
  const value = Buffer.allocUnsafe(length)
  const spans: Span[] = []
  let at = 0
  for (const { name, content } of pieces) {
    const start = at
    at += typeof content === 'string' ? value.write(content, at) : content.copy(value, at)
    if (name !== undefined) spans.push({ name, start, end: at })
  }
  return { value, spans }
}

/**
 * The JSON of an object of a custom kind, whose members are in the order of their names; the revision has its place
 * among those of the metadata:
 *
 *     {"apiVersion":"a/v1","kind":"A","metadata":{"name":"a","namespace":"b"|,"uid":"c"},"spec":{}}
 */
function encodeSorted(object: KubeObject): EncodedObject {
  let head = '{'
  let tail = ''
  for (const [name, value] of Object.entries(object)) {
    const begin = `${head === '{' ? '' : ','}${JSON.stringify(name)}:`
    if (name !== 'metadata') {
      if (tail === '') head += begin + JSON.stringify(value)
      else tail += begin + JSON.stringify(value)
      continue
    }
    head += `${begin}{`
    let isFirst = true
    for (const [key, member] of Object.entries(object.metadata)) {
      if (key === 'resourceVersion' || member === undefined || member === '' || isEmpty(member)) continue
      const text = `${isFirst ? '' : ','}"${key}":${key === 'managedFields' ? ownersText(member as Owners) : JSON.stringify(member)}`
      isFirst = false
      if (key < 'resourceVersion') head += text
      else tail += text
    }
    tail += '}'
  }
  return { value: Buffer.from(`${head}${tail}}`), splice: Buffer.byteLength(head) }
}

function isEmpty(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return value === null
  for (const _ in value) return false
  return true
}

/** The object that stored bytes hold. Sets of fields are shared by all objects that have them. */
function parse(line: Buffer): KubeObject {
  const object = JSON.parse(line.toString('utf8')) as KubeObject
  const { managedFields } = object.metadata
  if (managedFields !== undefined) object.metadata.managedFields = storedOwners(managedFields) as ManagedFieldsEntry[]
  return deepFreeze(object)
}

function atRevision(object: KubeObject, revision: Revision): KubeObject {
  return deepFreeze({ ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } })
}

const uidMark = Buffer.from('"uid":"')

/** Finds the splice point in bytes that this server wrote: behind the uid, which nothing before it can contain. */
function spliceOf(value: Buffer): number {
  if (value[2] !== 0x6b /* "kind" comes first */) return sortedSpliceOf(value)
  const start = value.indexOf(uidMark)
  if (start < 0) throw new Error(`Stored object has no uid: ${value.toString('utf8', 0, 200)}`)
  return value.indexOf(0x22, start + uidMark.length) + 1
}

/** Finds the splice point of sorted JSON: before the first member of the metadata that does not come before the revision. */
function sortedSpliceOf(value: Buffer): number {
  let depth = 0
  let isInMetadata = false
  /** Where the member begins whose name is read next. */
  let begin = 0
  for (let at = 0; at < value.length; at++) {
    const c = value[at]
    if (c === 0x22) {
      const start = at + 1
      for (at++; value[at] !== 0x22; at++) if (value[at] === 0x5c) at++
      if (value[at + 1] !== 0x3a || depth > 2) continue
      const name = value.toString('latin1', start, at)
      if (depth === 1) isInMetadata = name === 'metadata'
      else if (isInMetadata && name >= 'resourceVersion') return begin
    } else if (c === 0x7b || c === 0x5b) depth++
    else if (c === 0x7d || c === 0x5d) {
      if (depth === 2 && isInMetadata) return at
      depth--
    } else if (c === 0x2c) begin = at
  }
  throw new Error(`Stored object has no metadata: ${value.toString('utf8', 0, 200)}`)
}

interface Written {
  readonly encoded: EncodedObject
  readonly object: KubeObject
  /** The writer and the cache both ask for it, in either order. */
  stored?: StoredObject
}

/** What is known about bytes on their way to the store, so that they need not be parsed again when they come back. */
const written = new WeakMap<Buffer, Written>()

/** Remembers the object that `encoded` was made from. `object` must not be changed afterwards. */
export function rememberWritten(encoded: EncodedObject, object: KubeObject): void {
  written.set(encoded.value, { encoded, object })
}

/**
 * One revision of one object: its bytes, made once and shared by every reader, and its parsed form, made when somebody
 * in this process first asks and shared from then on. Both are immutable.
 */
export class StoredObject {
  readonly key: string
  readonly revision: Revision
  /** The stored bytes until the line is made. */
  #value: Buffer | undefined
  #splice: number | undefined
  /** Where members stand in the bytes without the revision, as far as it is known. */
  #spans: readonly Span[] | undefined
  #line: Buffer | undefined
  #object: KubeObject | undefined
  /** The object as its writer made it, or as of another revision, until somebody asks for it. */
  #written: KubeObject | undefined
  /** Encodings other than JSON, by media type. */
  #encodings: Map<string, Buffer> | undefined

  constructor(key: string, revision: Revision, value: Buffer | undefined) {
    this.key = key
    this.revision = revision
    this.#value = value
  }

  /** The object of a committed value; the same one for the writer and for the cache. */
  static of(key: string, revision: Revision, value: Buffer): StoredObject {
    const known = written.get(value)
    if (known?.stored !== undefined) {
      written.delete(value)
      return known.stored
    }
    const stored = new StoredObject(key, revision, value)
    if (known === undefined) return stored
    known.stored = stored
    stored.#splice = known.encoded.splice
    stored.#spans = known.encoded.spans
    stored.#written = known.object
    return stored
  }

  /** What a dry run would have written. It has no revision, or the one of the object that it would have replaced. */
  static unwritten(key: string, revision: Revision, { value, splice }: EncodedObject): StoredObject {
    const stored = new StoredObject(key, revision, value)
    stored.#splice = splice
    return stored
  }

  /** An object that is stored nowhere: it has no revision, and bytes only once somebody asks for them. */
  static made(key: string, object: KubeObject): StoredObject {
    const made = new StoredObject(key, 0, undefined)
    made.#object = deepFreeze(object)
    return made
  }

  /** The last part of the key. */
  get name(): string {
    return this.key.slice(this.key.lastIndexOf('/') + 1)
  }

  /** The object's JSON with its revision and a line end, as a GET answers it. */
  get line(): Buffer {
    return (this.#line ??= this.#makeLine())
  }

  /** The object's JSON with its revision. */
  get json(): Buffer {
    return this.line.subarray(0, -1)
  }

  /** The JSON of a member if it is the very one that this object has and it is known where it stands. */
  memberJson(name: string, member: unknown): Buffer | undefined {
    const span = this.#spans?.find((each) => each.name === name)
    if (span === undefined || (this.object as unknown as Record<string, unknown>)[name] !== member) return undefined
    const { start, end } = span
    if (this.#line === undefined) return this.#bytes.subarray(start, end)
    const { length } = this.#revisionText
    return this.#line.subarray(start + length, end + length)
  }

  /** How many bytes the JSON has. Like `copyJson`, it makes nothing that would be kept. */
  get jsonLength(): number {
    return this.#line === undefined ? this.#bytes.length + this.#revisionText.length : this.#line.length - 1
  }

  /** Copies the JSON, from the position `from` on, to `target` at `at`, as far as there is room; returns how many bytes. */
  copyJson(target: Buffer, at: number, from: number): number {
    if (this.#line !== undefined) return this.#line.copy(target, at, from, this.#line.length - 1)
    const value = this.#bytes
    const splice = (this.#splice ??= spliceOf(value))
    let copied = from < splice ? value.copy(target, at, from, splice) : 0
    if (from + copied < splice) return copied
    const revision = this.#revisionText
    const position = from + copied - splice
    if (position < revision.length) {
      copied += target.write(revision.slice(position), at + copied, 'latin1')
      if (from + copied < splice + revision.length) return copied
    }
    return copied + value.copy(target, at + copied, from + copied - revision.length)
  }

  /** The parsed object, deeply frozen. */
  get object(): KubeObject {
    return (this.#object ??= this.#makeObject())
  }

  /** The object in another encoding, made by `encode` at most once. */
  encoded(mediaType: string, encode: (object: KubeObject) => Buffer): Buffer {
    this.#encodings ??= new Map()
    let bytes = this.#encodings.get(mediaType)
    if (bytes === undefined) this.#encodings.set(mediaType, (bytes = encode(this.object)))
    return bytes
  }

  /** The same content as of another revision: what a deletion reports. */
  at(revision: Revision): StoredObject {
    const other = new StoredObject(this.key, revision, this.#line === undefined ? this.#bytes : this.#cutLine())
    other.#written = this.#object ?? this.#written
    return other
  }

  /** Whether these are the bytes of this object. Like `copyJson`, it makes nothing that would be kept. */
  holds({ value, splice }: EncodedObject): boolean {
    const line = this.#line
    if (line === undefined) return this.#bytes.equals(value)
    const rest = splice + this.#revisionText.length
    return (
      value.length - splice === line.length - 1 - rest &&
      value.compare(line, 0, splice, 0, splice) === 0 &&
      value.compare(line, rest, line.length - 1, splice) === 0
    )
  }

  /** The bytes without the revision, out of the line. */
  #cutLine(): Buffer {
    const line = this.line
    const splice = spliceOf(line)
    return Buffer.concat([line.subarray(0, splice), line.subarray(splice + this.#revisionText.length, -1)])
  }

  /** Without the revision, until the line is made. */
  get #bytes(): Buffer {
    if (this.#value === undefined) {
      const { value, splice } = encodeObject(this.#object!)
      this.#value = value
      this.#splice = splice
    }
    return this.#value
  }

  get #revisionText(): string {
    return this.revision === 0 ? '' : `,"resourceVersion":"${this.revision}"`
  }

  #makeObject(): KubeObject {
    const written = this.#written
    if (written === undefined) return parse(this.line)
    this.#written = undefined
    return atRevision(written, this.revision)
  }

  #makeLine(): Buffer {
    const value = this.#bytes
    const splice = this.#splice ?? spliceOf(value)
    const revision = this.#revisionText
    // Kept for long, so not a slice of the shared pool.
    const line = Buffer.allocUnsafeSlow(value.length + revision.length + 1)
    value.copy(line, 0, 0, splice)
    line.write(revision, splice, 'latin1')
    value.copy(line, splice + revision.length, splice)
    line[line.length - 1] = 0x0a
    this.#value = undefined
    return line
  }
}

/**
 * DNS messages as bytes. `dns-packet` reads replies and writes the data of records; here are the parts that it lacks or is
 * too lenient about: queries are read and checked in one walk, names are compressed, replies are cut to a size.
 */
import { record } from 'dns-packet'
import { toString as typeName, toType } from 'dns-packet/types.js'

/** One record. Names are in lower case and without a dot at the end. */
export interface DnsRecord {
  readonly name: string
  readonly type: string
  readonly ttl: number
  /** As `dns-packet` has it: text for A, AAAA, CNAME, PTR and TXT, an object for SRV and SOA, bytes for types that it does not know. */
  readonly data: unknown
}

export type ResultCode = 'NOERROR' | 'FORMERR' | 'SERVFAIL' | 'NXDOMAIN' | 'NOTIMP' | 'REFUSED' | 'BADVERS'
const resultCodes: Readonly<Record<ResultCode, number>> = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  BADVERS: 16,
}

export const isResultCode = (word: string): word is ResultCode => Object.hasOwn(resultCodes, word)

/** A question, with what of its message a reply needs. */
export interface Query {
  readonly id: number
  /** The labels in lower case; a label may contain any character, also a dot. */
  readonly labels: readonly string[]
  /** `A`, `SRV`, …; `UNKNOWN_65` for a type without a name. */
  readonly type: string
  /** Whether the question is of the class IN. */
  readonly isInternet: boolean
  /** The question as it was asked, in its own case. */
  readonly questionBytes: Buffer
  readonly recursionDesired: boolean
  readonly checkingDisabled: boolean
  /** Absent when the client knows no EDNS. */
  readonly edns?: { readonly size: number; readonly dnssecOk: boolean }
}

/** The same question about another name; nothing when that is none. */
export function withName(query: Query, name: string): Query | undefined {
  const labels = name === '' ? [] : name.split('.')
  if (labels.some((label) => label === '' || label.length > 63) || name.length > 253) return undefined
  const parts = labels.map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')]))
  const end = query.questionBytes.subarray(-4)
  return { ...query, labels, questionBytes: Buffer.concat([...parts, Buffer.from([0]), end]) }
}

/** A message that got no further than this: nothing to say, or only that it is wrong. */
export type Unreadable = { readonly ignore: true } | { readonly reply: Buffer }

/** Larger queries are not looked at: a question has 259 bytes at most, and clients add few options. */
export const largestQuery = 4096
/** What we take over UDP, and say so. Larger messages may be lost in pieces (dnsflagday.net/2020). */
const ednsSize = 1232
export const headerSize = 12
/** The record of EDNS, when it says no options. */
export const optionsSize = 11
/** The type of the record that carries the options of EDNS. */
export const optionsType = 41
export const truncatedFlag = 0x0200

/** Reads a query, or says what to do with a message that is none. */
export function readQuery(bytes: Buffer): Query | Unreadable {
  if (bytes.length < headerSize) return { ignore: true }
  const flags = bytes.readUInt16BE(2)
  // A reply to a reply could go round for ever.
  if (flags & 0x8000) return { ignore: true }
  const id = bytes.readUInt16BE(0)
  const refuse = (code: ResultCode): Unreadable => ({ reply: encodeHeader(id, flags & 0x7910, code) })
  if (bytes.length > largestQuery) return refuse('FORMERR')
  if ((flags >> 11) & 0xf) return refuse('NOTIMP')
  const counts = [4, 6, 8, 10].map((at) => bytes.readUInt16BE(at))
  if (counts[0] !== 1 || counts[1] !== 0 || counts[2] !== 0 || counts[3]! > 8) return refuse('FORMERR')
  const name = readName(bytes, headerSize)
  if (name === undefined || name.end + 4 > bytes.length) return refuse('FORMERR')
  const options = readOptions(bytes, name.end + 4, counts[3]!)
  if (options === undefined) return refuse('FORMERR')
  const query: Query = {
    id,
    labels: name.labels.map((label) => label.toLowerCase()),
    type: typeName(bytes.readUInt16BE(name.end)),
    isInternet: bytes.readUInt16BE(name.end + 2) === 1,
    questionBytes: bytes.subarray(headerSize, name.end + 4),
    recursionDesired: (flags & 0x0100) !== 0,
    checkingDisabled: (flags & 0x0010) !== 0,
    ...('size' in options ? { edns: { size: options.size, dnssecOk: options.dnssecOk } } : {}),
  }
  if ('version' in options && options.version !== 0) return { reply: encodeReply(query, { code: 'BADVERS' }, 512) }
  return query
}

/**
 * Walks over the additional records, of which only the one of type OPT says something; what it says in options we do not
 * know. Nothing when the records do not fill the message, or there are several of that type.
 */
function readOptions(
  bytes: Buffer,
  from: number,
  count: number,
): { readonly size: number; readonly dnssecOk: boolean; readonly version: number } | object | undefined {
  let found: { size: number; dnssecOk: boolean; version: number } | undefined
  let at = from
  for (let left = count; left > 0; left--) {
    const isRoot = bytes[at] === 0
    at = skipName(bytes, at)
    if (at + 10 > bytes.length) return undefined
    const length = bytes.readUInt16BE(at + 8)
    if (bytes.readUInt16BE(at) === optionsType) {
      if (found !== undefined || !isRoot || !isOptionList(bytes, at + 10, length)) return undefined
      const size = Math.max(512, bytes.readUInt16BE(at + 2))
      found = { size, dnssecOk: (bytes[at + 6]! & 0x80) !== 0, version: bytes[at + 5]! }
    }
    at += 10 + length
    if (at > bytes.length) return undefined
  }
  return found ?? {}
}

/** Whether so many bytes are options: a code, a length and so many bytes each. */
function isOptionList(bytes: Buffer, from: number, length: number): boolean {
  const end = from + length
  if (end > bytes.length) return false
  let at = from
  while (at + 4 <= end) at += 4 + bytes.readUInt16BE(at + 2)
  return at === end
}

/** Where a name that begins at a place ends. */
export function skipName(bytes: Buffer, from: number): number {
  let at = from
  while (at < bytes.length) {
    const length = bytes[at]!
    if (length === 0) return at + 1
    if ((length & 0xc0) === 0xc0) return at + 2
    at += 1 + length
  }
  return at
}

function readName(bytes: Buffer, at: number): { labels: string[]; end: number } | undefined {
  const labels: string[] = []
  for (let offset = at; offset < bytes.length && offset - at < 255;) {
    const length = bytes[offset]!
    if (length === 0) return { labels, end: offset + 1 }
    // Nothing comes before a question that it could point to.
    if (length > 63 || offset + 1 + length > bytes.length) return undefined
    labels.push(bytes.toString('latin1', offset + 1, offset + 1 + length))
    offset += 1 + length
  }
  return undefined
}

export interface Reply {
  readonly code: ResultCode
  /** Whether we are the ones who know. */
  readonly authoritative?: boolean
  readonly answers?: readonly DnsRecord[]
  readonly authority?: readonly DnsRecord[]
  readonly additional?: readonly DnsRecord[]
}

/**
 * Writes a reply of at most `size` bytes. Additional records that do not fit are left out; when others do not fit the reply
 * says that it was cut, so that the client asks again over TCP.
 */
export function encodeReply(query: Query, reply: Reply, size: number): Buffer {
  const code = resultCodes[reply.code]
  const options = query.edns === undefined ? undefined : encodeOptions(query.edns.dnssecOk, code >> 4)
  const room = Math.min(size, largestMessage) - (options?.length ?? 0)
  const names = namesOf(query.labels)
  query.questionBytes.copy(scratch, headerSize)
  let length = headerSize + query.questionBytes.length
  const write = (records: readonly DnsRecord[] = []): { count: number; isWhole: boolean } => {
    for (const [index, each] of records.entries()) {
      const end = writeRecord(each, length, names)
      if (end > room) return { count: index, isWhole: false }
      names.remember(each.name, length)
      length = end
    }
    return { count: records.length, isWhole: true }
  }
  const answers = write(reply.answers)
  const authority = answers.isWhole ? write(reply.authority) : nothing
  const additional = authority.isWhole ? write(reply.additional) : nothing
  const wasCut = !answers.isWhole || !authority.isWhole
  const flags =
    (reply.authoritative === true ? 0x0400 : 0) |
    (wasCut ? truncatedFlag : 0) |
    (query.recursionDesired ? 0x0100 : 0) |
    0x0080 |
    (query.checkingDisabled ? 0x0010 : 0)
  writeHeader(scratch, query.id, flags, reply.code)
  scratch.writeUInt16BE(1, 4)
  scratch.writeUInt16BE(answers.count, 6)
  scratch.writeUInt16BE(authority.count, 8)
  scratch.writeUInt16BE(additional.count + (options === undefined ? 0 : 1), 10)
  if (options !== undefined) length += options.copy(scratch, length)
  const bytes = Buffer.allocUnsafe(length)
  scratch.copy(bytes, 0, 0, length)
  return bytes
}

const largestMessage = 65_535
/** Replies are written here, one at a time, and then copied: the last record may reach over the end of the message. */
const scratch = Buffer.alloc(3 * largestMessage)
const nothing = { count: 0, isWhole: false }

function encodeHeader(id: number, flags: number, code: ResultCode): Buffer {
  const header = Buffer.alloc(headerSize)
  writeHeader(header, id, flags, code)
  return header
}

function writeHeader(bytes: Buffer, id: number, flags: number, code: ResultCode): void {
  bytes.writeUInt16BE(id, 0)
  bytes.writeUInt16BE(0x8000 | flags | (resultCodes[code] & 0xf), 2)
}

export function encodeOptions(dnssecOk: boolean, codeHigh: number): Buffer {
  const bytes = Buffer.alloc(optionsSize)
  bytes.writeUInt16BE(optionsType, 1)
  bytes.writeUInt16BE(ednsSize, 3)
  bytes[5] = codeHigh
  bytes[7] = dnssecOk ? 0x80 : 0
  return bytes
}

/**
 * Writes a record and says where it ends. Only the owner's name is compressed: old clients read compressed names in the data of
 * some types and not of others.
 */
function writeRecord({ name, type, ttl, data }: DnsRecord, at: number, names: WrittenNames): number {
  const number = toType(type)
  if (number === 0) throw new TypeError(`Cannot write a DNS record of type "${type}"`)
  const end = writeName(name, at, names)
  scratch.writeUInt16BE(number, end)
  scratch.writeUInt16BE(1, end + 2)
  scratch.writeUInt32BE(ttl, end + 4)
  return end + 8 + encodeData(type, data).copy(scratch, end + 8)
}

const knownData = new WeakMap<object, Buffer>()

/** The start of authority is encoded once: the same one says every time that there is no such name. */
function encodeData(type: string, data: unknown): Buffer {
  if (type !== 'SOA' || typeof data !== 'object' || data === null) return record(type).encode(data)
  let bytes = knownData.get(data)
  if (bytes === undefined) knownData.set(data, (bytes = record(type).encode(data)))
  return bytes
}

function writeName(name: string, from: number, names: WrittenNames): number {
  let at = from
  for (let rest = name; rest !== '';) {
    const known = names.find(rest)
    if (known !== undefined) return scratch.writeUInt16BE(0xc000 | known, at)
    const dot = rest.indexOf('.')
    const length = dot < 0 ? rest.length : dot
    if (length === 0 || length > 63) throw new TypeError(`Cannot write the DNS name "${name}"`)
    scratch[at] = length
    scratch.write(rest, at + 1, length, 'latin1')
    at += 1 + length
    rest = dot < 0 ? '' : rest.slice(dot + 1)
  }
  scratch[at] = 0
  return at + 1
}

/** Names that stand in the message already, whole or as the end of others; pointers reach 16 KiB far. */
interface WrittenNames {
  find(name: string): number | undefined
  /** Notes that a name was written from a place on. */
  remember(name: string, at: number): void
}

/** At first the name that is asked for. Most replies are about it and its ends alone: others are noted only when they come. */
function namesOf(labels: readonly string[]): WrittenNames {
  // A dot within a label looks like the end of one.
  const asked = labels.some((label) => label.includes('.')) ? '' : labels.join('.')
  let others: Map<string, number> | undefined
  const inQuestion = (name: string): number | undefined => {
    const start = asked.length - name.length
    return asked.endsWith(name) && (start === 0 || asked[start - 1] === '.') ? headerSize + start : undefined
  }
  return {
    find: (name) => inQuestion(name) ?? others?.get(name),
    remember(name, at) {
      let offset = at
      for (let rest = name; rest !== '' && inQuestion(rest) === undefined && offset < 0x4000;) {
        others ??= new Map()
        if (others.has(rest)) return
        others.set(rest, offset)
        const dot = rest.indexOf('.')
        if (dot < 0) return
        offset += dot + 1
        rest = rest.slice(dot + 1)
      }
    },
  }
}

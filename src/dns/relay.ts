/** Messages that are passed on: questions to other servers, their replies, and replies made fit for one client of several. */
import { decode } from 'dns-packet'
import type { DecodedRecord } from 'dns-packet'

import { encodeOptions, encodeReply, headerSize, recordTypes, truncatedFlag } from './message.ts'
import type { DnsRecord, Query } from './message.ts'

/** The reply of another server, as far as it is ours to look at; nothing when it cannot be read. */
export function readReply(
  bytes: Buffer,
): { readonly code: string; readonly answers: readonly DnsRecord[] } | undefined {
  try {
    const { rcode, answers, flag_qr: isReply } = decode(bytes)
    if (!isReply) return undefined
    return { code: rcode, answers: answers.filter(isWritable).map(toRecord) }
  } catch {
    return undefined
  }
}

const isWritable = (each: DecodedRecord): boolean => each.type in recordTypes && each.data !== undefined
const toRecord = ({ name, type, ttl = 0, data }: DecodedRecord): DnsRecord => ({
  name: name.toLowerCase().replace(/\.$/, ''),
  type,
  ttl,
  data,
})

/** Where the times to live stand in a message, so that they can be counted down in place; nothing when it cannot be read. */
export function findTimesToLive(bytes: Buffer): readonly number[] | undefined {
  const offsets: number[] = []
  const counts = [6, 8, 10].map((at) => bytes.readUInt16BE(at))
  let at = skipName(bytes, headerSize) + 4
  for (let left = counts[0]! + counts[1]! + counts[2]!; left > 0; left--) {
    at = skipName(bytes, at)
    if (at + 10 > bytes.length) return undefined
    // The place of a time to live means something else in options.
    if (bytes.readUInt16BE(at) !== 41) offsets.push(at + 4)
    at += 10 + bytes.readUInt16BE(at + 8)
    if (at > bytes.length) return undefined
  }
  return offsets
}

function skipName(bytes: Buffer, at: number): number {
  while (at < bytes.length) {
    const length = bytes[at]!
    if (length === 0) return at + 1
    if ((length & 0xc0) === 0xc0) return at + 2
    at += 1 + length
  }
  return at
}

/** Another server's reply for a client that takes `size` bytes: as it is, or only the word that it was cut. */
export function fitReply(query: Query, bytes: Buffer, size: number): Buffer {
  if (bytes.length <= size) return bytes
  const cut = encodeReply(query, { code: 'NOERROR' }, size)
  cut.writeUInt16BE(cut.readUInt16BE(2) | truncatedFlag, 2)
  return cut
}

/** Whether a reply says that it was cut. */
export const isCut = (bytes: Buffer): boolean => (bytes.readUInt16BE(2) & truncatedFlag) !== 0

/** The same question for another server, under a number that it must repeat. */
export function encodeQuestion(query: Query, id: number): Buffer {
  const options = query.edns === undefined ? [] : [encodeOptions(query.edns.dnssecOk, 0)]
  const header = Buffer.alloc(headerSize)
  header.writeUInt16BE(id, 0)
  header.writeUInt16BE(0x0100 | (query.checkingDisabled ? 0x0010 : 0), 2)
  header.writeUInt16BE(1, 4)
  header.writeUInt16BE(options.length, 10)
  return Buffer.concat([header, query.questionBytes, ...options])
}

/** Whether a message is a reply to what `encodeQuestion` wrote. */
export function isReplyTo(question: Buffer, reply: Buffer, query: Query): boolean {
  const end = headerSize + query.questionBytes.length
  return (
    reply.length >= end &&
    reply.readUInt16BE(0) === question.readUInt16BE(0) &&
    (reply[2]! & 0x80) !== 0 &&
    reply.readUInt16BE(4) === 1 &&
    lowerCase(reply.subarray(headerSize, end)) === lowerCase(query.questionBytes)
  )
}

/** A reply made the reply to a client that asked the same, perhaps in another case, `ageSeconds` after it came. */
export function readdressReply(
  reply: Buffer,
  query: Query,
  ageSeconds: number,
  timesToLive: readonly number[],
): Buffer {
  const bytes = Buffer.from(reply)
  bytes.writeUInt16BE(query.id, 0)
  const flags = bytes.readUInt16BE(2) & ~0x0110
  bytes.writeUInt16BE(flags | (query.recursionDesired ? 0x0100 : 0) | (query.checkingDisabled ? 0x0010 : 0), 2)
  query.questionBytes.copy(bytes, headerSize)
  for (const at of timesToLive) bytes.writeUInt32BE(Math.max(0, bytes.readUInt32BE(at) - ageSeconds), at)
  return bytes
}

/** What replies to equal questions have in common. */
export const questionKey = (query: Query): string =>
  `${lowerCase(query.questionBytes)}${query.edns === undefined ? '-' : query.edns.dnssecOk ? 'd' : 'e'}${query.checkingDisabled ? 'c' : ''}`

const lowerCase = (bytes: Buffer): string =>
  bytes.toString('latin1').replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase())

/** Messages that are passed on: questions to other servers, their replies, and replies made fit for one client of several. */
import { decode } from 'dns-packet'
import type { DecodedRecord } from 'dns-packet'

import { encodeOptions, encodeReply, headerSize, optionsType, skipName, truncatedFlag } from './message.ts'
import type { DnsRecord, Query, Reply } from './message.ts'
import { isResultCode } from './message.ts'

/** The reply of another server in parts; nothing when it cannot be read. */
export function readReply(bytes: Buffer): Reply | undefined {
  try {
    const { rcode, answers, authorities, flag_qr: isReply, flag_aa: authoritative } = decode(bytes)
    if (!isReply) return undefined
    const code = isResultCode(rcode) ? rcode : 'SERVFAIL'
    return {
      code,
      authoritative: authoritative === true,
      answers: toRecords(answers),
      authority: toRecords(authorities),
    }
  } catch {
    return undefined
  }
}

const toRecords = (decoded: readonly DecodedRecord[]): readonly DnsRecord[] =>
  decoded
    .filter((each) => each.type !== 'OPT' && each.data !== undefined)
    .map(({ name, type, ttl = 0, data }) => ({ name: name.toLowerCase().replace(/\.$/, ''), type, ttl, data }))

/**
 * Of the records of a reply those that answer a question about `name`: its own, and those of the names that its aliases lead
 * to. What else a server tells without having been asked is not believed.
 */
export function answersAbout(name: string, answers: readonly DnsRecord[]): readonly DnsRecord[] {
  const names = new Set([name])
  // An alias may stand behind what it leads to.
  for (let size = 0; size !== names.size;) {
    size = names.size
    for (const { name: owner, type, data } of answers)
      if (type === 'CNAME' && names.has(owner)) names.add(String(data).toLowerCase().replace(/\.$/, ''))
  }
  return answers.filter((each) => names.has(each.name))
}

/** Where the times to live stand in a message, so that they can be counted down in place; nothing when it cannot be read. */
export function findTimesToLive(bytes: Buffer): readonly number[] | undefined {
  const offsets: number[] = []
  const counts = [6, 8, 10].map((at) => bytes.readUInt16BE(at))
  let at = skipName(bytes, headerSize) + 4
  for (let left = counts[0]! + counts[1]! + counts[2]!; left > 0; left--) {
    at = skipName(bytes, at)
    if (at + 10 > bytes.length) return undefined
    // The place of a time to live means something else in options.
    if (bytes.readUInt16BE(at) !== optionsType) offsets.push(at + 4)
    at += 10 + bytes.readUInt16BE(at + 8)
    if (at > bytes.length) return undefined
  }
  return offsets
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

/**
 * A reply made the reply to a client that asked the same, perhaps in another case, `ageSeconds` after it came. No client may
 * keep it longer than it is kept here, for `mostSeconds` since it came.
 */
export function readdressReply(
  reply: Buffer,
  query: Query,
  ageSeconds: number,
  timesToLive: readonly number[],
  mostSeconds = Infinity,
): Buffer {
  const bytes = Buffer.from(reply)
  bytes.writeUInt16BE(query.id, 0)
  const flags = bytes.readUInt16BE(2) & ~0x0110
  bytes.writeUInt16BE(flags | (query.recursionDesired ? 0x0100 : 0) | (query.checkingDisabled ? 0x0010 : 0), 2)
  query.questionBytes.copy(bytes, headerSize)
  for (const at of timesToLive) {
    const written = bytes.readUInt32BE(at)
    // What was kept longer than it says is of no use to anybody for long.
    bytes.writeUInt32BE(Math.max(0, Math.min(written, mostSeconds) - ageSeconds), at)
  }
  return bytes
}

/** What replies to equal questions have in common. */
export const questionKey = (query: Query): string =>
  `${lowerCase(query.questionBytes)}${query.edns === undefined ? '-' : query.edns.dnssecOk ? 'd' : 'e'}${query.checkingDisabled ? 'c' : ''}`

const lowerCase = (bytes: Buffer): string =>
  bytes.toString('latin1').replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase())

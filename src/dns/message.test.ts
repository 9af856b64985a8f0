import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decode, encode } from 'dns-packet'
import fc from 'fast-check'

import { encodeReply, readQuery } from './message.ts'
import type { DnsRecord, Query } from './message.ts'
import {
  encodeQuestion,
  findTimesToLive,
  fitReply,
  isCut,
  isReplyTo,
  questionKey,
  readdressReply,
  readReply,
} from './relay.ts'

const question = { name: 'Web.default.svc.cluster.local', type: 'A' }
const ask = (rest: object = {}): Buffer =>
  encode({ type: 'query', id: 7, flags: 0x0100, questions: [question], ...rest })
const edns = (rest: object = {}) => ({
  additionals: [{ type: 'OPT', name: '.', udpPayloadSize: 1400, flags: 0, ...rest }],
})
function read(bytes: Buffer): Query {
  const query = readQuery(bytes)
  if ('ignore' in query || 'reply' in query) throw new Error('Not taken for a query')
  return query
}
const a = (name: string, last: number): DnsRecord => ({ name, type: 'A', ttl: 30, data: `10.244.0.${last}` })

describe('readQuery', () => {
  it('reads a question in any case', () => {
    const { questionBytes, ...rest } = read(ask())
    assert.deepEqual(rest, {
      id: 7,
      labels: ['web', 'default', 'svc', 'cluster', 'local'],
      type: 'A',
      isInternet: true,
      recursionDesired: true,
      checkingDisabled: false,
    })
    assert.equal(questionBytes.toString('latin1', 1, 4), 'Web')
  })
  it('reads what the client can take', () => {
    assert.deepEqual(read(ask(edns())).edns, { size: 1400, dnssecOk: false })
    assert.deepEqual(read(ask(edns({ udpPayloadSize: 100, flags: 0x8000 }))).edns, { size: 512, dnssecOk: true })
  })
  it('reads the root and types without name', () => {
    assert.deepEqual(read(ask({ questions: [{ name: '.', type: 'NS' }] })).labels, [])
    const odd = ask()
    odd.writeUInt16BE(65, odd.length - 4)
    assert.equal(read(odd).type, 'UNKNOWN_65')
  })

  const changed = (change: (bytes: Buffer) => void, from = ask()): Buffer => {
    change(from)
    return from
  }
  const wrong: [string, Buffer, string][] = [
    ['a short message', Buffer.from('hello'), 'ignored'],
    ['a reply', changed((bytes) => (bytes[2]! |= 0x80)), 'ignored'],
    ['another operation', changed((bytes) => (bytes[2]! |= 0x28)), 'NOTIMP'],
    ['no question', changed((bytes) => bytes.writeUInt16BE(0, 4)), 'FORMERR'],
    ['two questions', ask({ questions: [question, question] }), 'FORMERR'],
    ['a question that is cut off', ask().subarray(0, -3), 'FORMERR'],
    ['a name without end', ask().subarray(0, 20), 'FORMERR'],
    ['a name that points to itself', changed((bytes) => bytes.writeUInt16BE(0xc00c, 12)), 'FORMERR'],
    ['a label of an unknown kind', changed((bytes) => (bytes[12] = 0x80)), 'FORMERR'],
    ['records where none belong', ask({ answers: [{ name: 'x', type: 'A', data: '1.2.3.4' }] }), 'FORMERR'],
    ['more additional records than there are', changed((bytes) => bytes.writeUInt16BE(5, 10)), 'FORMERR'],
    ['two sets of options', ask({ additionals: [...edns().additionals, ...edns().additionals] }), 'FORMERR'],
    ['a very long message', Buffer.concat([ask(), Buffer.alloc(4096)]), 'FORMERR'],
  ]
  for (const [name, bytes, expected] of wrong) {
    it(`does not take ${name} for a query`, () => {
      const result = readQuery(bytes)
      if (expected === 'ignored') return assert.deepEqual(result, { ignore: true })
      assert.ok('reply' in result)
      const reply = decode(result.reply)
      assert.deepEqual([reply.id, reply.type, reply.rcode], [7, 'response', expected])
    })
  }
  it('answers a version of EDNS that it does not know with its own', () => {
    const result = readQuery(ask(edns({ ednsVersion: 1 })))
    assert.ok('reply' in result)
    const reply = decode(result.reply)
    // 16: the low half is in the header and the high one in the options.
    assert.equal(result.reply[3]! & 0xf, 0)
    assert.equal((reply.additionals[0] as unknown as { extendedRcode: number }).extendedRcode, 1)
  })
  it('never throws', () =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.boolean(), (noise, isHeaded) => {
        const bytes = isHeaded ? Buffer.concat([ask().subarray(0, 12), noise]) : Buffer.from(noise)
        const result = readQuery(bytes)
        if (!('ignore' in result) && !('reply' in result)) encodeReply(result, { code: 'NXDOMAIN' }, 512)
      }),
      { numRuns: 500 },
    ))
})

describe('encodeReply', () => {
  it('writes what another reads', () => {
    const reply = decode(
      encodeReply(
        read(ask(edns())),
        {
          code: 'NOERROR',
          authoritative: true,
          answers: [
            { name: 'web.default.svc.cluster.local', type: 'CNAME', ttl: 30, data: 'x.example.com' },
            a('x.example.com', 1),
            { name: 'x.example.com', type: 'AAAA', ttl: 5, data: 'fd00::1' },
            { name: 'x.example.com', type: 'SRV', ttl: 5, data: { priority: 0, weight: 9, port: 80, target: 'y.z' } },
            { name: 'x.example.com', type: 'TXT', ttl: 5, data: '1.1.0' },
          ],
          additional: [a('y.example.com', 2)],
        },
        1400,
      ),
    )
    assert.deepEqual(
      reply.answers.map(({ name, type, ttl, data }) => [name, type, ttl, type === 'TXT' ? String(data) : data]),
      [
        // The owner is a pointer to the question, and so in the case in which it was asked.
        ['Web.default.svc.cluster.local', 'CNAME', 30, 'x.example.com'],
        ['x.example.com', 'A', 30, '10.244.0.1'],
        ['x.example.com', 'AAAA', 5, 'fd00::1'],
        ['x.example.com', 'SRV', 5, { priority: 0, weight: 9, port: 80, target: 'y.z' }],
        ['x.example.com', 'TXT', 5, '1.1.0'],
      ],
    )
    assert.equal(reply.additionals[0]!.name, 'y.example.com')
    assert.equal(reply.additionals[1]!.udpPayloadSize, 1232)
    const { flag_aa: aa, flag_ra: ra, flag_rd: rd, flag_tc: tc } = reply
    assert.deepEqual({ aa, ra, rd, tc }, { aa: true, ra: true, rd: true, tc: false })
  })
  it('writes a start of authority', () => {
    const data = { mname: 'a.b', rname: 'c.b', serial: 1, refresh: 2, retry: 3, expire: 4, minimum: 5 }
    const bytes = encodeReply(
      read(ask()),
      { code: 'NXDOMAIN', authority: [{ name: 'b', type: 'SOA', ttl: 30, data }] },
      512,
    )
    const reply = decode(bytes)
    assert.equal(reply.rcode, 'NXDOMAIN')
    assert.deepEqual(reply.authorities[0]!.data, data)
  })
  it('says each name once', () => {
    const long = 'one.rather.long.name.for.a.service'
    const size = (count: number) =>
      encodeReply(read(ask()), { code: 'NOERROR', answers: Array.from({ length: count }, (_, i) => a(long, i)) }, 4096)
        .length
    // A pointer, the fixed part and an address.
    assert.equal(size(3) - size(2), 2 + 10 + 4)
  })
  it('points to labels of the question, and into none of them', () => {
    const header = Buffer.from('000701000001000000000000', 'hex')
    const label = (text: string): Buffer => Buffer.concat([Buffer.from([text.length]), Buffer.from(text)])
    const end = Buffer.from([0, 0, 1, 0, 1])
    const ownerOf = (labels: readonly string[]): number => {
      const query = read(Buffer.concat([header, ...labels.map(label), end]))
      const bytes = encodeReply(query, { code: 'NOERROR', answers: [a('b.c', 1)] }, 512)
      assert.equal(decode(bytes).answers[0]!.name, 'b.c')
      return bytes.length - 12 - query.questionBytes.length - 14
    }
    assert.deepEqual([ownerOf(['a', 'b', 'c']), ownerOf(['a.b', 'c'])], [2, 5])
  })
  it('cuts what does not fit and says so', () => {
    const answers = Array.from({ length: 100 }, (_, i) => a('web.default.svc.cluster.local', i))
    const bytes = encodeReply(read(ask(edns())), { code: 'NOERROR', answers, additional: [a('x', 1)] }, 512)
    assert.ok(bytes.length <= 512 && bytes.length > 490)
    const reply = decode(bytes)
    assert.equal(reply.flag_tc, true)
    assert.equal(reply.answers.length, 28)
    assert.deepEqual(
      reply.additionals.map((each) => each.type),
      ['OPT'],
    )
  })
  it('leaves out additional records without a word', () => {
    const additional = Array.from({ length: 100 }, (_, i) => a('x.y', i))
    const reply = decode(encodeReply(read(ask()), { code: 'NOERROR', answers: [a('x.y', 1)], additional }, 512))
    assert.equal(reply.flag_tc, false)
    assert.ok(reply.additionals.length > 20 && reply.additionals.length < 100)
  })
  it('refuses names that are none', () =>
    assert.throws(
      () => encodeReply(read(ask()), { code: 'NOERROR', answers: [a(`${'x'.repeat(64)}.y`, 1)] }, 512),
      /Cannot write the DNS name/,
    ))
})

describe('messages that are passed on', () => {
  const query = read(ask(edns()))
  const sent = encodeQuestion(query, 4711)
  const answers = [
    { name: 'WEB.default.svc.cluster.local', type: 'CNAME', ttl: 300, data: 'X.y' },
    { name: 'x.y', type: 'A', ttl: 60, data: '192.0.2.1' },
  ]
  const replyTo = (rest: object = {}) =>
    encode({
      type: 'response',
      id: 4711,
      flags: 0x0180,
      questions: [{ ...question, name: question.name.toUpperCase() }],
      answers,
      ...edns(),
      ...rest,
    })
  it('asks the same, under another number and with our size', () => {
    const message = decode(sent)
    assert.equal(message.id, 4711)
    assert.equal(message.flag_rd, true)
    assert.deepEqual(message.questions, [{ ...question, class: 'IN' }])
    assert.equal(message.additionals[0]!.udpPayloadSize, 1232)
  })
  it('knows a reply to it', () => {
    assert.equal(isReplyTo(sent, replyTo(), query), true)
    assert.equal(isReplyTo(sent, replyTo({ id: 4712 }), query), false)
    assert.equal(isReplyTo(sent, replyTo({ type: 'query' }), query), false)
    assert.equal(isReplyTo(sent, replyTo({ questions: [{ name: 'x.y', type: 'A' }] }), query), false)
    assert.equal(isReplyTo(sent, Buffer.alloc(3), query), false)
  })
  it('makes it the reply for another client, some time later', () => {
    const reply = replyTo()
    const other = read(
      ask({ id: 9, flags: 0, questions: [{ ...question, name: 'weB.default.svc.cluster.local' }], ...edns() }),
    )
    const read2 = decode(readdressReply(reply, other, 61, findTimesToLive(reply)!))
    assert.deepEqual(
      [read2.id, read2.flag_rd, read2.questions[0]!.name, ...read2.answers.map((each) => each.ttl)],
      [9, false, 'weB.default.svc.cluster.local', 239, 0],
    )
    assert.equal(read2.additionals[0]!.udpPayloadSize, 1400)
  })
  it('reads its records', () =>
    assert.deepEqual(readReply(replyTo()), {
      code: 'NOERROR',
      authoritative: false,
      authority: [],
      answers: [
        { ...answers[0], name: 'web.default.svc.cluster.local' },
        { ...answers[1], name: 'x.y' },
      ],
    }))
  it('reads nothing from noise', () => {
    assert.equal(readReply(Buffer.from('hello')), undefined)
    assert.equal(findTimesToLive(replyTo().subarray(0, -20)), undefined)
  })
  it('tells a client for whom it is too large to ask over TCP', () => {
    assert.equal(fitReply(query, replyTo(), 512).length, replyTo().length)
    const cut = fitReply(query, replyTo(), 60)
    assert.equal(isCut(cut), true)
    assert.equal(decode(cut).answers.length, 0)
  })
  it('keeps apart what gets different replies', () => {
    const keys = [ask(), ask(edns()), ask(edns({ flags: 0x8000 })), ask({ flags: 0x0110 })].map((bytes) =>
      questionKey(read(bytes)),
    )
    assert.equal(new Set(keys).size, 4)
    assert.equal(
      questionKey(read(ask({ questions: [{ ...question, name: 'WEB.default.svc.cluster.local' }] }))),
      keys[0],
    )
  })
})

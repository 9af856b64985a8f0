/** From the bytes of a query to the bytes of its reply. */
import { planAnswer } from './answer.ts'
import type { Zone } from './answer.ts'
import type { Forwarder } from './forward.ts'
import { encodeReply, readQuery } from './message.ts'
import type { Query, Reply } from './message.ts'
import type { Records } from './records.ts'
import { fitReply, readReply } from './relay.ts'

export interface Client {
  readonly transport: 'udp' | 'tcp'
  readonly address: string
}

/** Replies to a message, or not at all; whatever the message is, it neither throws nor rejects. */
export type Respond = (message: Buffer, client: Client) => Buffer | undefined | Promise<Buffer | undefined>

export interface ResponderOptions {
  readonly records: Records
  readonly zone: Zone
  readonly forwarder: Forwarder
  /** Whether an address is one of the servers that we ask: what those ask us is never passed on, it would go round in a circle. */
  isUpstream(address: string): boolean
  /** Told of each reply, for metrics; `code` is the low half of the result code. */
  observe?(query: Query | undefined, client: Client, code: number): void
  /** Told of what should not happen. */
  report(problem: string, error: unknown): void
  readonly signal: AbortSignal
}

/** Pieces on a usual link are not larger; larger ones would be cut in two. */
const largestDatagram = 4096

export function responder(options: ResponderOptions): Respond {
  const { records, zone, forwarder, signal } = options
  let turn = 0

  const forward = async (query: Query, client: Client, size: number): Promise<Buffer> => {
    if (options.isUpstream(client.address)) return encodeReply(query, { code: 'REFUSED' }, size)
    const reply = await forwarder.ask(query, signal)
    return reply === undefined ? encodeReply(query, { code: 'SERVFAIL' }, size) : fitReply(query, reply, size)
  }

  /** Adds what others know of an alias's target; when they cannot be asked the alias alone is of use to some. */
  const follow = async (query: Query, client: Client, size: number, reply: Reply, target: string): Promise<Buffer> => {
    const asked = options.isUpstream(client.address) ? undefined : await forwarder.ask(queryFor(query, target), signal)
    const found = asked === undefined ? undefined : readReply(asked)
    if (found === undefined || (found.code !== 'NOERROR' && found.code !== 'NXDOMAIN'))
      return encodeReply(query, { ...reply, code: 'SERVFAIL' }, size)
    return encodeReply(query, { ...reply, code: found.code, answers: [...reply.answers!, ...found.answers] }, size)
  }

  const answer = (query: Query, client: Client): Buffer | Promise<Buffer> => {
    const size = client.transport === 'tcp' ? 65_535 : Math.max(512, Math.min(query.edns?.size ?? 512, largestDatagram))
    const planned = planAnswer(query, records, zone, turn++)
    switch (planned.do) {
      case 'reply':
        return encodeReply(query, planned.reply, size)
      case 'follow':
        return follow(query, client, size, planned.reply, planned.target)
      case 'forward':
        return forward(query, client, size)
    }
  }

  return (message, client) => {
    let query: Query | undefined
    const failed = (error: unknown): Buffer | undefined => {
      options.report('Cannot answer a DNS question', error)
      return query === undefined ? undefined : encodeReply(query, { code: 'SERVFAIL' }, 512)
    }
    const note = (reply: Buffer | undefined): Buffer | undefined => {
      if (reply !== undefined) options.observe?.(query, client, reply[3]! & 0xf)
      return reply
    }
    try {
      const read = readQuery(message)
      if ('ignore' in read) return undefined
      if ('reply' in read) return note(read.reply)
      query = read
      const reply = answer(read, client)
      return Buffer.isBuffer(reply) ? note(reply) : reply.catch(failed).then(note)
    } catch (error) {
      return note(failed(error))
    }
  }
}

/** The same question about another name. */
function queryFor(query: Query, name: string): Query {
  const labels = name.split('.')
  const parts = labels.map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')]))
  if (labels.some((label) => label === '' || label.length > 63) || name.length > 253)
    throw new TypeError(`Cannot ask for "${name}": it is no DNS name`)
  return {
    ...query,
    labels,
    questionBytes: Buffer.concat([...parts, Buffer.from([0]), query.questionBytes.subarray(-4)]),
  }
}

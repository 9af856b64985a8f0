/** From the bytes of a query to the bytes of its reply. */
import type { AnswerCache, Source } from './answerCache.ts'
import { encodeReply, headerSize, optionsSize, readQuery, skipName } from './message.ts'
import type { Query } from './message.ts'
import type { Client, NameServer, Outcome } from './nameServer.ts'
import { fitReply } from './relay.ts'

export type { Client } from './nameServer.ts'

/** Replies to a message, or not at all; whatever the message is, it neither throws nor rejects. */
export type Respond = (message: Buffer, client: Client) => Buffer | undefined | Promise<Buffer | undefined>

/** Told of replies of one kind: the sizes of messages in bytes, and the seconds that it took. */
export interface ReplySeries {
  replied(questionSize: number, replySize: number, seconds: number): void
}

/** Told of each reply, for metrics and logs. */
export interface ReplyObserver {
  /** The series of replies to such questions; what is logged about them is logged by it. */
  seriesOf(query: Query | undefined, client: Client, code: number, plugin: string): ReplySeries
  /** Whether questions about a name are logged, one by one. */
  logs(name: string): boolean
  log(query: Query, client: Client, reply: Buffer, questionSize: number, seconds: number): void
}

export interface ResponderOptions {
  /** Asked for each message, so that another one can take its place. */
  nameServer(): NameServer
  readonly answers: AnswerCache<ReplySeries>
  readonly observer?: ReplyObserver
  /** Told of what should not happen. */
  report(problem: string, error: unknown): void
  /** Seconds since some moment. */
  now(): number
}

export interface Responder {
  readonly respond: Respond
  /** Told of each thing that the reply which is being made depends on. */
  look(source: Source): void
}

/** Pieces on a usual link are not larger; larger ones would be cut in two. */
const largestDatagram = 4096

const silent: ReplySeries = { replied: () => {} }

export function responder(options: ResponderOptions): Responder {
  const { answers, observer, now } = options
  let turn = 0
  let sources: Set<Source> | undefined

  const encode = (query: Query, { reply }: Outcome, client: Client): Buffer => {
    const size = client.transport === 'tcp' ? 65_535 : Math.max(512, Math.min(query.edns?.size ?? 512, largestDatagram))
    return Buffer.isBuffer(reply) ? fitReply(query, reply, size) : encodeReply(query, reply, size)
  }

  /** Makes a reply, and keeps it where every client gets the same. */
  const make = (message: Buffer, query: Query, client: Client, began: number): Buffer | Promise<Buffer> => {
    const seen = new Set<Source>()
    sources = seen
    let outcome: Outcome | Promise<Outcome>
    try {
      outcome = options.nameServer().resolve(query, client, turn++)
    } finally {
      sources = undefined
    }
    if (outcome instanceof Promise)
      return outcome.then((found) => note(message, query, client, encode(query, found, client), found.plugin, began))
    const reply = encode(query, outcome, client)
    const series = seriesOf(query, client, reply, outcome.plugin)
    if (outcome.isShared && isKeepable(message, query, client)) {
      const variants = Buffer.isBuffer(outcome.reply) ? 1 : (outcome.reply.answers?.length ?? 1)
      const key = keyOf(message)
      const known = answers.find(key)
      if (known === undefined) {
        const isWorthIt = !isMissing(outcome.reply) || answers.wasAsked(key)
        if (isWorthIt) answers.keep(key, reply, variants, seen, series)
      } else known.replies[known.next % known.replies.length] = reply
    }
    series.replied(message.length, reply.length, now() - began)
    return reply
  }

  /** A question that is logged is answered anew each time; one with options may be the only one of its kind. */
  const isKeepable = (message: Buffer, query: Query, client: Client): boolean =>
    client.transport === 'udp' &&
    message.length <= headerSize + query.questionBytes.length + optionsSize &&
    observer?.logs(query.labels.join('.')) !== true

  const seriesOf = (query: Query | undefined, client: Client, reply: Buffer, plugin: string): ReplySeries =>
    observer?.seriesOf(query, client, reply[3]! & 0xf, plugin) ?? silent

  const note = (
    message: Buffer,
    query: Query | undefined,
    client: Client,
    reply: Buffer,
    plugin: string,
    began: number,
  ): Buffer => {
    seriesOf(query, client, reply, plugin).replied(message.length, reply.length, now() - began)
    return reply
  }

  const respond: Respond = (message, client) => {
    const began = now()
    if (client.transport === 'udp' && message.length > headerSize) {
      const known = answers.find(keyOf(message))
      const reply = known?.replies[known.next % known.replies.length]
      if (reply !== undefined) {
        known!.next++
        const bytes = Buffer.from(reply)
        bytes[0] = message[0]!
        bytes[1] = message[1]!
        // In the case in which it was asked; names of records point there.
        message.copy(bytes, headerSize, headerSize, skipName(message, headerSize))
        known!.note.replied(message.length, bytes.length, now() - began)
        return bytes
      }
    }
    let query: Query | undefined
    const failed = (error: unknown): Buffer | undefined => {
      options.report('Cannot answer a DNS question', error)
      if (query === undefined) return undefined
      return note(message, query, client, encodeReply(query, { code: 'SERVFAIL' }, 512), '', began)
    }
    const log = (reply: Buffer | undefined): Buffer | undefined => {
      if (query !== undefined && reply !== undefined) observer?.log(query, client, reply, message.length, now() - began)
      return reply
    }
    try {
      const read = readQuery(message)
      if ('ignore' in read) return undefined
      if ('reply' in read) return note(message, undefined, client, read.reply, '', began)
      query = read
      const reply = make(message, read, client, began)
      return Buffer.isBuffer(reply) ? log(reply) : reply.catch(failed).then(log)
    } catch (error) {
      return log(failed(error))
    }
  }

  return { respond, look: (source) => void sources?.add(source) }
}

const isMissing = (reply: Outcome['reply']): boolean => !Buffer.isBuffer(reply) && reply.code === 'NXDOMAIN'

/** Everything but the number, which is the client's, and the case of the name. */
function keyOf(message: Buffer): string {
  const end = skipName(message, headerSize)
  for (let at = headerSize; at < end; at++) {
    const byte = message[at]!
    // Lengths of labels are no letters: the longest is 63, and "A" is 65.
    if (byte < 0x41 || byte > 0x5a) continue
    const name = message.toString('latin1', headerSize, end).toLowerCase()
    return message.toString('latin1', 2, headerSize) + name + message.toString('latin1', end)
  }
  return message.toString('latin1', 2)
}

/** Asks the servers that the node itself asks, for names that are not the cluster's; keeps their replies for a short time. */
import type { Clock } from '#lib/clock.ts'
import type { Random } from '#lib/random.ts'
import { randomInteger } from '#lib/random.ts'
import { canonicalIp } from '#lib/net/ip.ts'

import type { Exchange, Upstream } from './exchange.ts'
import type { Query } from './message.ts'
import { encodeQuestion, findTimesToLive, isCut, isReplyTo, questionKey, readdressReply } from './relay.ts'

export interface ForwarderOptions {
  readonly clock: Clock
  readonly random: Random
  readonly exchange: Exchange
  /** Asked before each question, so that a changed configuration is followed. */
  upstreams(): readonly Upstream[]
}

export interface Forwarder {
  /** The reply for this very client; nothing when no server gave one in time or too many questions wait. Never rejects. */
  ask(query: Query, signal: AbortSignal): Promise<Buffer | undefined>
  /** How many questions wait for a server. */
  readonly waiting: number
}

/** A server has so long to reply. */
const patienceMs = 2_000
/** All servers together have so long; resolvers give up after five seconds. */
const wholePatienceMs = 4_500
const mostWaiting = 500
/** Replies are kept no longer, whatever their time to live. */
const longestKept = 30
const mostKept = 2_000
/** Larger replies are not kept. */
const largestKept = 4_096

interface Kept {
  readonly reply: Buffer
  readonly timesToLive: readonly number[]
  readonly since: number
  readonly until: number
}

export function forwarder(options: ForwarderOptions): Forwarder {
  const { clock, random, exchange } = options
  const kept = new Map<string, Kept>()
  const waiting = new Map<string, Promise<Kept | undefined>>()
  /** The server that replied last; the others are asked when it does not. */
  let preferred: string | undefined

  const askOne = async (query: Query, upstream: Upstream, signal: AbortSignal): Promise<Buffer> => {
    const question = encodeQuestion(query, randomInteger(random, 65_536))
    const isReply = (bytes: Buffer): boolean => isReplyTo(question, bytes, query)
    const reply = await exchange(question, upstream, 'udp', isReply, signal)
    return isCut(reply) ? await exchange(question, upstream, 'tcp', isReply, signal) : reply
  }

  const askAll = async (query: Query, signal: AbortSignal): Promise<Buffer | undefined> => {
    const deadline = clock.now() + wholePatienceMs
    let failure: Buffer | undefined
    const upstreams = options.upstreams()
    for (const upstream of upstreams.toSorted((a, b) => rank(a) - rank(b))) {
      const left = Math.min(patienceMs, deadline - clock.now())
      if (left <= 0 || signal.aborted) break
      const patience = new AbortController()
      using _timer = clock.after(left, () => patience.abort(new Error(`no reply from ${upstream.address}`)))
      try {
        const reply = await askOne(query, upstream, AbortSignal.any([signal, patience.signal]))
        const code = reply[3]! & 0xf
        // Another server may know better than one that failed (2) or does not serve us (5).
        if (code === 2 || code === 5) {
          failure = reply
          continue
        }
        preferred = upstream.address
        return reply
      } catch {
        if (preferred === upstream.address) preferred = undefined
      }
    }
    return failure
  }
  const rank = (upstream: Upstream): number => (upstream.address === preferred ? 0 : 1)

  const fetch = async (query: Query, key: string, signal: AbortSignal): Promise<Kept | undefined> => {
    const reply = await askAll(query, signal)
    if (reply === undefined) return undefined
    const timesToLive = findTimesToLive(reply)
    if (timesToLive === undefined) return undefined
    const code = reply[3]! & 0xf
    const seconds = Math.min(longestKept, ...timesToLive.map((at) => reply.readUInt32BE(at)))
    const isKept = (code === 0 || code === 3) && timesToLive.length > 0 && seconds > 0 && reply.length <= largestKept
    const since = clock.now()
    const entry = { reply, timesToLive, since, until: since + (isKept ? seconds * 1000 : 0) }
    if (isKept) keep(key, entry)
    return entry
  }
  const keep = (key: string, entry: Kept): void => {
    kept.delete(key)
    kept.set(key, entry)
    for (const oldest of kept.keys()) {
      if (kept.size <= mostKept) break
      kept.delete(oldest)
    }
  }

  return {
    get waiting() {
      return waiting.size
    },
    async ask(query, signal) {
      const key = questionKey(query)
      let entry = kept.get(key)
      if (entry !== undefined && entry.until <= clock.now()) {
        kept.delete(key)
        entry = undefined
      }
      if (entry === undefined) {
        let pending = waiting.get(key)
        if (pending === undefined) {
          if (waiting.size >= mostWaiting) return undefined
          pending = fetch(query, key, signal).finally(() => waiting.delete(key))
          waiting.set(key, pending)
        }
        entry = await pending
      }
      if (entry === undefined) return undefined
      return readdressReply(entry.reply, query, Math.floor((clock.now() - entry.since) / 1000), entry.timesToLive)
    },
  }
}

/**
 * The servers named in a resolv.conf, at most three. Addresses where the cluster's own DNS listens are left out, and with them
 * questions that would come back to us; `own` are those addresses.
 */
export function readUpstreams(text: string, own: readonly string[]): readonly Upstream[] {
  const upstreams: Upstream[] = []
  const isOwn = new Set(own.map((address) => canonicalIp(address)))
  for (const line of text.split('\n')) {
    const [word, written = ''] = line.trim().split(/\s+/)
    const address = canonicalIp(written)
    if (word !== 'nameserver' || address === undefined || isOwn.has(address)) continue
    if (!upstreams.some((upstream) => upstream.address === address)) upstreams.push({ address, port: 53 })
    if (upstreams.length === 3) break
  }
  return upstreams
}

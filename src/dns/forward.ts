/** Passes questions on to other servers, as a `forward` of the Corefile says. */
import { randomInt } from 'node:crypto'

import type { Clock } from '#lib/clock.ts'
import { canonicalIp } from '#lib/net/ip.ts'
import type { Random } from '#lib/random.ts'

import type { ForwardSettings } from './corefile/settings.ts'
import type { Exchange, Upstream } from './exchange.ts'
import type { Query } from './message.ts'
import { readQuery } from './message.ts'
import { encodeQuestion, isCut, isReplyTo, readdressReply } from './relay.ts'
import { upstreams } from './upstreams.ts'

export interface ForwarderOptions {
  readonly clock: Clock
  readonly random: Random
  readonly exchange: Exchange
  readonly settings: ForwardSettings
  /** The servers that `settings.to` stands for now. */
  servers(): readonly Upstream[]
  readonly observe?: ForwardObserver
  readonly signal: AbortSignal
}

export interface ForwardObserver {
  /** A server replied after so many seconds with this code. */
  replied(upstream: Upstream, code: number, seconds: number): void
  probeFailed(upstream: Upstream): void
  /** None of several servers, or of one, replied. */
  allFailed(query: Query): void
  rejected(): void
}

export interface Forwarder {
  /** The reply, made out to the query; nothing when no server gave one in time, `busy` when too many questions wait. Never rejects. */
  ask(query: Query, transport: 'udp' | 'tcp'): Promise<Buffer | 'busy' | undefined>
  /** How many questions wait for a server. */
  readonly waiting: number
}

/** A server has so long to reply. */
const patienceMs = 2_000
/** All servers together have so long; resolvers give up after five seconds. */
const wholePatienceMs = 4_500
/** Each question that waits has a socket. */
const mostWaiting = 1_000

/** Numbers of questions cannot be guessed from earlier ones, or others could reply to them. */
const newId = (): number => randomInt(65_536)

export function forwarder(options: ForwarderOptions): Forwarder {
  const { clock, exchange, settings, observe, signal } = options
  const limit = settings.maxConcurrent === 0 ? mostWaiting : Math.min(settings.maxConcurrent, mostWaiting)
  let waiting = 0

  const askOne = async (query: Query, upstream: Upstream, overTcp: boolean, until: AbortSignal): Promise<Buffer> => {
    const question = encodeQuestion(query, newId())
    const isReply = (bytes: Buffer): boolean => isReplyTo(question, bytes, query)
    if (overTcp) return exchange(question, upstream, 'tcp', isReply, until)
    const reply = await exchange(question, upstream, 'udp', isReply, until)
    return isCut(reply) ? await exchange(question, upstream, 'tcp', isReply, until) : reply
  }

  const servers = upstreams({
    clock,
    random: options.random,
    settings,
    list: options.servers,
    probe: (upstream, until) => askOne(probeQuery, upstream, settings.forceTcp, until),
    probeFailed: (upstream) => observe?.probeFailed(upstream),
    signal,
  })

  const askAll = async (query: Query, overTcp: boolean): Promise<Buffer | undefined> => {
    const began = clock.now()
    let failure: Buffer | undefined
    const order = servers.order()
    for (const upstream of order) {
      const asked = clock.now()
      const left = Math.min(patienceMs, began + wholePatienceMs - asked)
      if (left <= 0 || signal.aborted) break
      const patience = new AbortController()
      using _timer = clock.after(left, () => patience.abort(new Error(`no reply from ${upstream.address}`)))
      try {
        const reply = await askOne(query, upstream, overTcp, AbortSignal.any([signal, patience.signal]))
        const code = reply[3]! & 0xf
        observe?.replied(upstream, code, (clock.now() - asked) / 1000)
        servers.replied(upstream)
        // Another server may know better than one that failed (2) or does not serve us (5).
        if (code !== 2 && code !== 5) return reply
        failure = reply
      } catch {
        servers.failed(upstream)
      }
    }
    if (failure === undefined && order.length > 0 && !signal.aborted) observe?.allFailed(query)
    return failure
  }

  return {
    get waiting() {
      return waiting
    },
    async ask(query, transport) {
      if (waiting >= limit) {
        observe?.rejected()
        return 'busy'
      }
      waiting++
      try {
        const overTcp = settings.forceTcp || (transport === 'tcp' && !settings.preferUdp)
        const reply = await askAll(query, overTcp)
        return reply === undefined ? undefined : readdressReply(reply, query, 0, [])
      } finally {
        waiting--
      }
    },
  }
}

/** The question for the servers of the root, which every server can answer. */
const probeQuery = readQuery(Buffer.from('000001000001000000000000' + '00' + '0002' + '0001', 'hex')) as Query

/**
 * The servers named in a resolv.conf, at most three. Addresses where the cluster's own DNS listens are left out, and with them
 * questions that would come back to us; `own` are those addresses.
 */
export function readUpstreams(text: string, own: readonly string[]): readonly Upstream[] {
  const found: Upstream[] = []
  const isOwn = new Set(own.map((address) => canonicalIp(address)))
  for (const line of text.split('\n')) {
    const [word, written = ''] = line.trim().split(/\s+/)
    const address = canonicalIp(written)
    if (word !== 'nameserver' || address === undefined || isOwn.has(address)) continue
    if (!found.some((upstream) => upstream.address === address)) found.push({ address, port: 53 })
    if (found.length === 3) break
  }
  return found
}

/** The domains of the search list of a resolv.conf: of several lines the last one counts. */
export function readSearchList(text: string): readonly string[] {
  let domains: readonly string[] = []
  for (const line of text.split('\n')) {
    const [word, ...rest] = line.trim().split(/\s+/)
    if (word === 'search') domains = rest.map((domain) => domain.toLowerCase().replace(/\.$/, ''))
  }
  return domains.filter((domain) => domain !== '')
}

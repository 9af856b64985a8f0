/** Makes server blocks out of their settings: what each keeps while it is in force ends with it. */
import type { Clock } from '#lib/clock.ts'
import { canonicalIp } from '#lib/net/ip.ts'
import type { Logger } from '#lib/log.ts'
import type { Random } from '#lib/random.ts'

import type { Zone } from './answer.ts'
import type { ForwardSettings, ServerSettings } from './corefile/settings.ts'
import type { DnsMetrics } from './dnsMetrics.ts'
import type { Exchange, Upstream } from './exchange.ts'
import { forwarder } from './forward.ts'
import type { Query } from './message.ts'
import type { ServerBlock } from './nameServer.ts'
import { replyCache } from './replyCache.ts'

export interface BlocksOptions {
  readonly clock: Clock
  readonly random: Random
  readonly exchange: Exchange
  readonly metrics: DnsMetrics
  readonly log: Logger
  readonly serverAddresses: readonly string[]
  readonly ranges: readonly string[]
  /** Our own addresses: we are never asked by ourselves. */
  readonly ownAddresses: readonly string[]
  /** The servers of the file that `forward` can name. */
  serversOfFile(): readonly Upstream[]
}

export interface Blocks extends Disposable {
  readonly blocks: readonly ServerBlock[]
  /** Whether questions are passed on to this address. */
  isUpstream(address: string): boolean
}

export function buildBlocks(servers: readonly ServerSettings[], options: BlocksOptions): Blocks {
  const stop = new AbortController()
  const own = new Set(options.ownAddresses.map((address) => canonicalIp(address)))
  const serversOf = ({ to }: ForwardSettings): readonly Upstream[] =>
    to.flatMap((target) => ('file' in target ? options.serversOfFile() : own.has(target.address) ? [] : [target]))
  const logFailure = failureLog(options)
  const allFailed = (query: Query): void => {
    options.metrics.forward.allFailed(query)
    logFailure(query)
  }
  const blocks = servers.map((settings): ServerBlock => {
    const { cache } = settings
    return {
      settings,
      zones: zonesOf(settings, options),
      forwards: settings.forwards.map((each) => ({
        settings: each,
        forwarder: forwarder({
          ...options,
          settings: each,
          servers: () => serversOf(each),
          observe: settings.errors ? { ...options.metrics.forward, allFailed } : options.metrics.forward,
          signal: stop.signal,
        }),
      })),
      ...(cache === undefined
        ? {}
        : {
            cache: replyCache({ clock: options.clock, settings: cache, observe: options.metrics.cacheOf(cache.zones) }),
          }),
    }
  })
  return {
    blocks,
    isUpstream: (address) =>
      servers.some(({ forwards }) =>
        forwards.some((each) => serversOf(each).some((server) => server.address === address)),
      ),
    [Symbol.dispose]: () => stop.abort(),
  }
}

/** One line a second is enough: where no server can be reached, every question fails. */
const quietMs = 1_000

function failureLog({ clock, log }: BlocksOptions): (query: Query) => void {
  let quietUntil = 0
  let skipped = 0
  return ({ labels, type }) => {
    skipped++
    if (clock.now() < quietUntil) return
    quietUntil = clock.now() + quietMs
    log.warn('No server replied to a DNS question', { name: labels.join('.'), type, questions: skipped })
    skipped = 0
  }
}

function zonesOf({ kubernetes }: ServerSettings, { serverAddresses, ranges }: BlocksOptions): readonly Zone[] {
  if (kubernetes === undefined) return []
  const { domains, reverseZones, pods, ttl, fallthrough } = kubernetes
  return domains.map((domain, index) => ({
    domain,
    serverAddresses,
    ranges,
    // Addresses have the names of the first domain.
    reverseZones: index === 0 ? reverseZones : [],
    pods,
    ttl,
    fallthrough,
  }))
}

/** Keeps replies of others for as long as they and the plugin `cache` say. */
import type { Clock } from '#lib/clock.ts'

import { isWithin, type CacheLimits, type CacheSettings } from './corefile/settings.ts'
import type { Query } from './message.ts'
import { findTimesToLive, questionKey, readdressReply } from './relay.ts'

export interface ReplyCacheOptions {
  readonly clock: Clock
  readonly settings: CacheSettings
  readonly observe?: CacheObserver
}

export interface CacheObserver {
  hit(kind: CacheKind): void
  miss(): void
  evicted(kind: CacheKind): void
  prefetched(): void
}

export type CacheKind = 'success' | 'denial'

export interface ReplyCache {
  /** The reply for this very client, from what is kept; otherwise what `ask` gets, which is asked once for all that ask the same. */
  answer(query: Query, ask: () => Promise<Buffer | undefined>): Promise<Buffer | undefined>
  size(kind: CacheKind): number
}

interface Kept {
  readonly reply: Buffer
  readonly timesToLive: readonly number[]
  readonly since: number
  readonly until: number
  /** How often it was asked for, since when. */
  hits: number
  countedFrom: number
  isRefreshed: boolean
}

/** Larger replies are not kept. */
const largestKept = 4_096

export function replyCache({ clock, settings, observe }: ReplyCacheOptions): ReplyCache {
  const kept: Readonly<Record<CacheKind, Map<string, Kept>>> = { success: new Map(), denial: new Map() }
  const waiting = new Map<string, Promise<Kept | undefined>>()

  const find = (key: string): readonly [CacheKind, Kept] | undefined => {
    for (const kind of ['success', 'denial'] as const) {
      const entry = kept[kind].get(key)
      if (entry === undefined) continue
      if (entry.until > clock.now()) return [kind, entry]
      kept[kind].delete(key)
    }
    return undefined
  }

  const fetch = async (
    key: string,
    name: string,
    ask: () => Promise<Buffer | undefined>,
  ): Promise<Kept | undefined> => {
    const reply = await ask()
    const timesToLive = reply === undefined ? undefined : findTimesToLive(reply)
    if (reply === undefined || timesToLive === undefined) return undefined
    const now = clock.now()
    const { kind, seconds } = judgeReply(reply, timesToLive, name, settings)
    const until = now + seconds * 1000
    const entry = { reply, timesToLive, since: now, until, hits: 0, countedFrom: now, isRefreshed: false }
    if (seconds > 0) keep(kind, key, entry)
    return entry
  }

  const keep = (kind: CacheKind, key: string, entry: Kept): void => {
    kept.success.delete(key)
    kept.denial.delete(key)
    kept[kind].set(key, entry)
    for (const oldest of kept[kind].keys()) {
      if (kept[kind].size <= settings[kind].capacity) break
      kept[kind].delete(oldest)
      observe?.evicted(kind)
    }
  }

  /** Those that ask the same meanwhile wait for the same reply. */
  const fetchOnce = (key: string, name: string, ask: () => Promise<Buffer | undefined>): Promise<Kept | undefined> => {
    let pending = waiting.get(key)
    if (pending === undefined) {
      pending = fetch(key, name, ask).finally(() => waiting.delete(key))
      waiting.set(key, pending)
    }
    return pending
  }

  /** Asks early for what is asked for often, so that nobody has to wait when it expires. */
  const prefetch = (key: string, name: string, entry: Kept, ask: () => Promise<Buffer | undefined>): void => {
    const { prefetch: wish } = settings
    if (wish === undefined || entry.isRefreshed) return
    const now = clock.now()
    if (now - entry.countedFrom > wish.withinMs) {
      entry.hits = 0
      entry.countedFrom = now
    }
    entry.hits++
    const isNearEnd = entry.until - now <= (entry.until - entry.since) * (wish.percentage / 100)
    if (entry.hits < wish.amount || !isNearEnd) return
    entry.isRefreshed = true
    observe?.prefetched()
    void fetchOnce(key, name, ask).catch(() => {})
  }

  return {
    size: (kind) => kept[kind].size,
    async answer(query, ask) {
      const key = questionKey(query)
      const name = query.labels.join('.')
      const found = find(key)
      let entry: Kept | undefined
      if (found === undefined) {
        observe?.miss()
        entry = await fetchOnce(key, name, ask)
      } else {
        entry = found[1]
        observe?.hit(found[0])
        prefetch(key, name, entry, ask)
      }
      if (entry === undefined) return undefined
      const age = Math.floor((clock.now() - entry.since) / 1000)
      const most = Math.max(1, Math.round((entry.until - entry.since) / 1000))
      return readdressReply(entry.reply, query, age, entry.timesToLive, entry.until > entry.since ? most : undefined)
    },
  }
}

/** As what a reply counts, and for how many seconds it may be kept; 0: not at all. */
function judgeReply(
  reply: Buffer,
  timesToLive: readonly number[],
  name: string,
  settings: CacheSettings,
): { readonly kind: CacheKind; readonly seconds: number } {
  const code = reply[3]! & 0xf
  const hasAnswers = reply.readUInt16BE(6) > 0
  const isCut = (reply[2]! & 0x02) !== 0
  if (reply.length > largestKept || isCut) return { kind: 'success', seconds: 0 }
  if (code === 2) return { kind: 'denial', seconds: settings.failureTtl }
  if (code !== 0 && code !== 3) return { kind: 'denial', seconds: 0 }
  const kind: CacheKind = code === 0 && hasAnswers ? 'success' : 'denial'
  const limits: CacheLimits = settings[kind]
  if (limits.capacity === 0 || limits.except.some((zone) => isWithin(name, zone))) return { kind, seconds: 0 }
  // Without a record nothing says how long (RFC 2308, section 5), and 0 means never.
  const least = Math.min(...timesToLive.map((at) => reply.readUInt32BE(at)))
  if (timesToLive.length === 0 || least === 0) return { kind, seconds: 0 }
  return { kind, seconds: Math.min(limits.maxTtl, Math.max(limits.minTtl, least)) }
}

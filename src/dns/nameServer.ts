/** Finds the reply to a question: the server blocks of a Corefile, and in each what its plugins know, in the order of CoreDNS. */
import { planAnswer, type Zone } from './answer.ts'
import { aliasReply, namesToTry } from './autopath.ts'
import { closestZone, isWithin, type ForwardSettings, type ServerSettings } from './corefile/settings.ts'
import type { Forwarder } from './forward.ts'
import { answerFromHosts } from './hosts.ts'
import type { DnsRecord, Query, Reply } from './message.ts'
import { withName } from './message.ts'
import type { Records } from './records.ts'
import { answersAbout, readReply } from './relay.ts'
import type { ReplyCache } from './replyCache.ts'
import { restoreReply, rewriteName } from './rewrite.ts'

export interface Client {
  readonly transport: 'udp' | 'tcp'
  readonly address: string
}

/** What is replied, and who knew it. */
export interface Outcome {
  /** In parts, or as another server wrote it. */
  readonly reply: Reply | Buffer
  readonly plugin: string
  /** Whether every client gets the same until records change. */
  readonly isShared: boolean
}

/** A server block with what it keeps while it is in force. */
export interface ServerBlock {
  readonly settings: ServerSettings
  /** One for each domain of `kubernetes`. */
  readonly zones: readonly Zone[]
  readonly forwards: readonly { readonly settings: ForwardSettings; readonly forwarder: Forwarder }[]
  readonly cache?: ReplyCache
}

export interface NameServerOptions {
  readonly blocks: readonly ServerBlock[]
  readonly records: Records
  /** The search list of the pod with this address in a domain, as far as it is known. */
  searchListOf(address: string, domain: string): readonly string[] | undefined
  /** Whether an address is one of the servers that we ask: what those ask us is never passed on, it would go round in a circle. */
  isUpstream(address: string): boolean
}

export interface NameServer {
  /** `turn` says with which of several records to begin. */
  resolve(query: Query, client: Client, turn: number): Outcome | Promise<Outcome>
  /** The block that answers questions about a name. */
  blockOf(name: string): ServerBlock | undefined
}

/** So many times an alias may lead to another block, or out of the cluster and back. */
const mostDetours = 8

export function nameServer({ blocks, records, searchListOf, isUpstream }: NameServerOptions): NameServer {
  const byZone = new Map(blocks.flatMap((block) => block.settings.zones.map((zone) => [zone, block] as const)))
  const zones = [...byZone.keys()]
  const blockOf = (name: string): ServerBlock | undefined => byZone.get(closestZone(name, zones) ?? '')

  const resolve = (query: Query, client: Client, turn: number, detours = 0): Outcome | Promise<Outcome> => {
    const asked = query.labels.join('.')
    const block = blockOf(asked)
    if (block === undefined || !query.isInternet) return own('', { code: 'REFUSED' })
    const start = block.settings.loadBalance ? turn : 0
    const rewritten = rewriteName(asked, block.settings.rewrites)
    if (rewritten.name === asked) return walk(block, query, client, start, detours)
    const inner = withName(query, rewritten.name)
    if (inner === undefined) return own('rewrite', { code: 'SERVFAIL' })
    return then(walk(block, inner, client, start, detours), (outcome) => ({
      ...outcome,
      reply: restoreReply(inParts(outcome.reply), asked, rewritten),
    }))
  }

  /** Looks for the first of the names of a search list that there is, where the question begins one and this is wanted. */
  const walk = (
    block: ServerBlock,
    query: Query,
    client: Client,
    turn: number,
    detours: number,
  ): Outcome | Promise<Outcome> => {
    const { autopath, kubernetes } = block.settings
    const asked = query.labels.join('.')
    const first = find(block, query, client, turn, detours)
    const domain = kubernetes?.domains.find((each) => isWithin(asked, each))
    if (autopath === undefined || domain === undefined || closestZone(asked, autopath.zones) === undefined) return first
    const names = namesToTry(asked, searchListOf(client.address, domain) ?? [])
    if (names === undefined) return first
    return then(first, async (outcome) => {
      if (codeOf(outcome.reply) !== 'NXDOMAIN') return outcome
      for (const name of names.slice(1)) {
        const inner = withName(query, name)
        // Other blocks may be responsible for the name.
        const tried = inner === undefined ? undefined : await resolve(inner, client, turn, detours + 1)
        if (tried === undefined || codeOf(tried.reply) !== 'NOERROR') continue
        return { reply: aliasReply(asked, name, inParts(tried.reply)), plugin: 'autopath', isShared: false }
      }
      // The client goes on by itself.
      return { ...outcome, isShared: false }
    })
  }

  const find = (
    block: ServerBlock,
    query: Query,
    client: Client,
    turn: number,
    detours: number,
  ): Outcome | Promise<Outcome> => {
    const { hosts } = block.settings
    const known = hosts === undefined ? undefined : answerFromHosts(query, hosts)
    if (known !== undefined) return own('hosts', known)
    const name = query.labels.join('.')
    const zone = block.zones.find(
      ({ domain, reverseZones }) => isWithin(name, domain) || closestZone(name, reverseZones) !== undefined,
    )
    if (zone === undefined) return forward(block, query, name, client)
    const answer = planAnswer(query, records, zone, turn)
    if (answer.do === 'reply') return own('kubernetes', answer.reply)
    if (answer.do === 'forward') return forward(block, query, name, client)
    return follow(query, client, turn, detours, answer.reply, answer.target)
  }

  /** Adds what is known of the target of an alias; when nobody can be asked, the alias alone is of use to some. */
  const follow = (
    query: Query,
    client: Client,
    turn: number,
    detours: number,
    reply: Reply,
    target: string,
  ): Outcome | Promise<Outcome> => {
    const inner = withName(query, target)
    if (inner === undefined || detours >= mostDetours)
      return { reply: { ...reply, code: 'SERVFAIL' }, plugin: 'kubernetes', isShared: false }
    return then(resolve(inner, client, turn, detours + 1), (outcome) => {
      const found = inParts(outcome.reply)
      const isAnswer = found.code === 'NOERROR' || found.code === 'NXDOMAIN'
      const answers = isAnswer ? [...reply.answers!, ...answersAbout(target, found.answers ?? [])] : reply.answers!
      return {
        reply: { ...reply, code: isAnswer ? found.code : 'SERVFAIL', answers: withLeastTtl(answers) },
        plugin: 'kubernetes',
        isShared: false,
      }
    })
  }

  const forward = async (block: ServerBlock, query: Query, name: string, client: Client): Promise<Outcome> => {
    const refused: Outcome = { reply: { code: 'REFUSED' }, plugin: 'forward', isShared: false }
    const chosen = block.forwards
      .filter(({ settings }) => isWithin(name, settings.from) && !settings.except.some((zone) => isWithin(name, zone)))
      .toSorted((a, b) => b.settings.from.length - a.settings.from.length)[0]
    if (chosen === undefined || isUpstream(client.address)) return refused
    const ask = (): Promise<Buffer | 'busy' | undefined> => chosen.forwarder.ask(query, client.transport)
    const isCached = block.cache !== undefined && closestZone(name, block.settings.cache!.zones) !== undefined
    let isBusy = false
    const reply = isCached
      ? await block.cache!.answer(query, async () => {
          const found = await ask()
          if (found !== 'busy') return found
          isBusy = true
          return undefined
        })
      : await ask()
    if (reply === 'busy' || isBusy) return refused
    return { reply: reply ?? { code: 'SERVFAIL' }, plugin: 'forward', isShared: false }
  }

  return { resolve, blockOf }
}

const own = (plugin: string, reply: Reply): Outcome => ({ reply, plugin, isShared: true })

/** An answer through aliases is kept no longer than its shortest part. */
function withLeastTtl(answers: readonly DnsRecord[]): readonly DnsRecord[] {
  const least = Math.min(...answers.map(({ ttl }) => ttl))
  return answers.map((each) => (each.type === 'CNAME' && each.ttl > least ? { ...each, ttl: least } : each))
}

const inParts = (reply: Reply | Buffer): Reply =>
  Buffer.isBuffer(reply) ? (readReply(reply) ?? { code: 'SERVFAIL' }) : reply

const codeOf = (reply: Reply | Buffer): string => inParts(reply).code

/** Goes on at once where there is nothing to wait for. */
const then = (
  first: Outcome | Promise<Outcome>,
  next: (outcome: Outcome) => Outcome | Promise<Outcome>,
): Outcome | Promise<Outcome> => (first instanceof Promise ? first.then(next) : next(first))

/**
 * The walk over a pod's search list, made here instead of by the pod: the first question of it is answered with what the last
 * one would get. A pod of namespace `shop` that looks for `example.com` asks for `example.com.shop.svc.cluster.local` first.
 */
import { isWithin } from './corefile/settings.ts'
import type { DnsRecord, Reply } from './message.ts'

/** The search list of pods of a namespace; the empty domain at its end is the name as it was written. */
export const searchListOf = (namespace: string, domain: string, ofNode: readonly string[]): readonly string[] => [
  `${namespace}.svc.${domain}`,
  `svc.${domain}`,
  domain,
  ...ofNode,
  '',
]

/** The names that a pod will ask for in turn, when it began to with this one; nothing for other questions. */
export function namesToTry(asked: string, searchList: readonly string[]): readonly string[] | undefined {
  const [first = ''] = searchList
  if (asked === first || !isWithin(asked, first)) return undefined
  const base = asked.slice(0, -first.length - 1)
  // A port or the like is of a service here, and nowhere else.
  if (base.startsWith('_')) return undefined
  return searchList.map((domain) => (domain === '' ? base : `${base}.${domain}`))
}

/** The reply about another name as one about the name that was asked for: an alias leads from this to that. */
export function aliasReply(asked: string, found: string, reply: Reply): Reply {
  const answers = reply.answers ?? []
  const ttl = Math.min(30, ...answers.map((each) => each.ttl))
  const alias: DnsRecord = { name: asked, type: 'CNAME', ttl, data: found }
  return { ...reply, answers: [alias, ...answers] }
}

/** Answers from the names and addresses of `hosts`. */
import { closestZone, fallsThrough, type HostsSettings } from './corefile/settings.ts'
import { readReverseName } from './answer.ts'
import type { DnsRecord, Query, Reply } from './message.ts'

/** The reply; nothing where others are to be asked. */
export function answerFromHosts(query: Query, hosts: HostsSettings): Reply | undefined {
  const name = query.labels.join('.')
  if (closestZone(name, hosts.zones) === undefined) return undefined
  const newRecord = (type: string, data: string): DnsRecord => ({ name, type, ttl: hosts.ttl, data })
  const address = readReverseName(query.labels)
  const names = address === undefined ? undefined : hosts.names.get(address)
  const addresses = hosts.addresses.get(name)
  if (names === undefined && addresses === undefined) {
    // A list of hosts cannot say what there is not: it has no start of authority for that.
    const isAnswered = query.type !== 'PTR' && !fallsThrough(name, hosts.fallthrough)
    return isAnswered ? { code: 'SERVFAIL' } : undefined
  }
  const records = [
    ...(names ?? []).map((each) => newRecord('PTR', each)),
    ...(addresses ?? []).map((each) => newRecord(each.includes(':') ? 'AAAA' : 'A', each)),
  ]
  return { code: 'NOERROR', authoritative: true, answers: records.filter(({ type }) => type === query.type) }
}

/** Decides what to reply to a question about the cluster's own names; everything else is for others to answer. */
import { cidrContains, parseCidr } from '#lib/net/cidr.ts'
import type { Cidr } from '#lib/net/cidr.ts'
import { canonicalIp, parseIp } from '#lib/net/ip.ts'

import { fallsThrough, isWithin } from './corefile/settings.ts'
import type { DnsRecord, Query, Reply } from './message.ts'
import type { NamedPort, Records, ServiceEndpoint, ServiceEntry } from './records.ts'

export interface Zone {
  /** The cluster's domain in lower case, such as `cluster.local`. */
  readonly domain: string
  /** Where the cluster's DNS is reached. */
  readonly serverAddresses: readonly string[]
  /** Ranges whose addresses only the cluster can name. */
  readonly ranges: readonly string[]
  /** Parents of the names of addresses that are answered. */
  readonly reverseZones: readonly string[]
  /** Which names pods have by their addresses: none, any that is asked for, or those of pods that are. */
  readonly pods: 'disabled' | 'insecure' | 'verified'
  /** Seconds for which answers, also those that there is nothing, may be kept. */
  readonly ttl: number
  /** Where others are asked for what is not here. */
  readonly fallthrough: readonly string[]
}

export type Answer =
  | { readonly do: 'reply'; readonly reply: Reply }
  /** Reply with these records and what others say about the target. */
  | { readonly do: 'follow'; readonly reply: Reply; readonly target: string }
  | { readonly do: 'forward' }

const schemaVersion = '1.1.0'
/** So many aliases are followed inside the cluster; more are a circle. */
const mostAliases = 8

/** What a name stands for: nothing below it or at it, or these records of all types. */
type Found = readonly DnsRecord[] | undefined

/** Decides about one question. `turn` says with which of several records to begin, so that clients that take the first one spread. */
export function planAnswer(query: Query, records: Records, zone: Zone, turn = 0): Answer {
  if (!query.isInternet) return { do: 'reply', reply: { code: 'REFUSED' } }
  const name = query.labels.join('.')
  // A label with a dot in it looks like two, and none of ours has one.
  const isPlain = query.labels.every((label) => !label.includes('.'))
  const isMissing = (answer: Answer): boolean => answer.do === 'reply' && answer.reply.code === 'NXDOMAIN'
  if (isWithin(name, zone.domain)) {
    const answer = isPlain ? answerName(name, query.type, records, zone, turn) : negative('NXDOMAIN', zone)
    return isMissing(answer) && fallsThrough(name, zone.fallthrough) ? { do: 'forward' } : answer
  }
  const reverseZone = zone.reverseZones.find((each) => isWithin(name, each))
  if (reverseZone === undefined) return { do: 'forward' }
  const address = isPlain ? readReverseName(query.labels) : undefined
  const names = address === undefined ? [] : records.namesOf(address)
  if (address === undefined || names.length === 0) {
    // Nobody else knows the cluster's own addresses.
    const isOurs = address !== undefined && isOwn(address, zone)
    return isOurs || !fallsThrough(name, zone.fallthrough)
      ? negative('NXDOMAIN', zone, [], reverseZone)
      : { do: 'forward' }
  }
  if (query.type === 'ANY') return minimal(name, zone)
  if (query.type !== 'PTR') return negative('NOERROR', zone, [], reverseZone)
  const answers = names.map((each) => newRecord(name, 'PTR', `${each}.${zone.domain}`, zone))
  return { do: 'reply', reply: { code: 'NOERROR', authoritative: true, answers } }
}

/** The answer to the question for everything, which is as good as any one of it (RFC 8482, section 4.2). */
const minimal = (name: string, zone: Zone, aliases: readonly DnsRecord[] = []): Answer => ({
  do: 'reply',
  reply: {
    code: 'NOERROR',
    authoritative: true,
    answers: [...aliases, newRecord(name, 'HINFO', { cpu: 'RFC8482', os: '' }, zone)],
  },
})

function answerName(asked: string, type: string, records: Records, zone: Zone, turn: number): Answer {
  const aliases: DnsRecord[] = []
  for (let name = asked; ;) {
    const found = findName(name, records, zone)
    const alias = found?.find((record) => record.type === 'CNAME')
    if (alias === undefined || type === 'CNAME') {
      const answers = rotate(
        (found ?? []).filter((record) => record.type === type),
        turn,
      )
      if (type === 'ANY' && found !== undefined) return minimal(name, zone, aliases)
      // That a target does not exist is said beside the aliases that lead to it (RFC 6604).
      if (found === undefined) return negative('NXDOMAIN', zone, aliases)
      if (answers.length === 0) return negative('NOERROR', zone, aliases)
      const additional = type === 'SRV' || type === 'NS' ? findTargets(answers, records, zone) : []
      return {
        do: 'reply',
        reply: { code: 'NOERROR', authoritative: true, answers: [...aliases, ...answers], additional },
      }
    }
    aliases.push(alias)
    name = alias.data as string
    const reply: Reply = { code: 'NOERROR', authoritative: true, answers: aliases }
    if (!isWithin(name, zone.domain)) return { do: 'follow', reply, target: name }
    if (aliases.length >= mostAliases) return { do: 'reply', reply: { code: 'SERVFAIL' } }
  }
}

/** All records of a name of the cluster; empty for a name that only has others below it. */
function findName(name: string, records: Records, zone: Zone): Found {
  if (name === zone.domain) return [startOfAuthority(zone), newRecord(name, 'NS', `ns.dns.${zone.domain}`, zone)]
  const labels = name.slice(0, -zone.domain.length - 1).split('.')
  const kind = labels.pop()
  if (kind === 'dns-version')
    return labels.length === 0 ? [{ ...newRecord(name, 'TXT', schemaVersion, zone), ttl: 28_800 }] : undefined
  if (kind === 'dns') {
    if (labels.length === 0) return []
    return labels.length === 1 && labels[0] === 'ns' ? toAddresses(name, zone.serverAddresses, zone) : undefined
  }
  if (kind !== 'svc' && kind !== 'pod') return undefined
  const namespace = labels.pop()
  if (namespace === undefined) return []
  if (!records.hasNamespace(namespace)) return undefined
  const own = labels.pop()
  if (own === undefined) return []
  if (kind === 'pod') return labels.length === 0 ? findPod(name, namespace, own, records, zone) : undefined
  const entry = records.service(namespace, own)
  if (entry === undefined) return undefined
  const service = `${own}.${namespace}.svc.${zone.domain}`
  if (labels.length === 0) return findService(service, entry, zone)
  const last = labels.pop()!
  if (last.startsWith('_')) return findPorts(name, service, entry, last.slice(1), labels, zone)
  if (labels.length > 0) return undefined
  const endpoints = records.endpoints(namespace, own).filter((endpoint) => endpoint.label === last)
  return endpoints.length === 0 ? undefined : withPorts(name, service, endpoints, zone)
}

/** A pod by its address with dashes; `insecure` does not look whether there is one. */
function findPod(name: string, namespace: string, label: string, records: Records, zone: Zone): Found {
  if (zone.pods === 'disabled') return undefined
  const isFourNumbers = /^\d{1,3}(-\d{1,3}){3}$/.test(label)
  const address = canonicalIp(label.replaceAll('-', isFourNumbers ? '.' : ':'))
  if (address === undefined || (zone.pods === 'verified' && !records.hasPod(namespace, address))) return undefined
  return toAddresses(name, [address], zone)
}

function findService(service: string, entry: ServiceEntry, zone: Zone): Found {
  switch (entry.kind) {
    case 'alias':
      // An address is no name to lead to.
      return entry.target === '' || parseIp(entry.target) !== undefined
        ? undefined
        : [newRecord(service, 'CNAME', entry.target, zone)]
    case 'address':
      return [
        ...toAddresses(service, entry.addresses, zone),
        ...toPorts(
          service,
          entry.ports.map((port) => ({ port, target: service })),
          zone,
        ),
      ]
    case 'headless':
      return entry.endpoints.length === 0 ? undefined : withPorts(service, service, entry.endpoints, zone)
  }
}

/** Records of endpoints under a name: addresses, and where their ports are. */
function withPorts(name: string, service: string, endpoints: readonly ServiceEndpoint[], zone: Zone): DnsRecord[] {
  const addresses = [...new Set(endpoints.map((endpoint) => endpoint.address))]
  return [
    ...toAddresses(name, addresses, zone),
    ...toPorts(
      name,
      endpoints.flatMap(({ label, ports }) => ports.map((port) => ({ port, target: `${label}.${service}` }))),
      zone,
    ),
  ]
}

/** `_port._protocol.service`, or `_protocol.service`, which only has names below it. */
function findPorts(
  name: string,
  service: string,
  entry: ServiceEntry,
  protocol: string,
  rest: readonly string[],
  zone: Zone,
): Found {
  if (entry.kind === 'alias' || rest.length > 1 || (rest.length === 1 && !rest[0]!.startsWith('_'))) return undefined
  const wanted = rest[0]?.slice(1)
  const fits = (port: NamedPort): boolean =>
    port.protocol === protocol && port.name !== '' && (wanted === undefined || port.name === wanted)
  if (entry.kind === 'address') {
    const ports = entry.ports.filter(fits)
    if (ports.length === 0) return undefined
    return wanted === undefined
      ? []
      : toPorts(
          name,
          ports.map((port) => ({ port, target: service })),
          zone,
        )
  }
  const endpoints = entry.endpoints
    .map((endpoint) => ({ ...endpoint, ports: endpoint.ports.filter(fits) }))
    .filter((endpoint) => endpoint.ports.length > 0)
  if (endpoints.length === 0) return undefined
  return wanted === undefined ? [] : withPorts(name, service, endpoints, zone).filter((record) => record.type === 'SRV')
}

/** The addresses of what SRV and NS records lead to, once each. */
function findTargets(answers: readonly DnsRecord[], records: Records, zone: Zone): DnsRecord[] {
  const targets = new Set(
    answers.map(({ data }) => (typeof data === 'string' ? data : (data as { target: string }).target)),
  )
  return [...targets].flatMap((target) =>
    (findName(target, records, zone) ?? []).filter((record) => record.type === 'A' || record.type === 'AAAA'),
  )
}

function negative(
  code: 'NOERROR' | 'NXDOMAIN',
  zone: Zone,
  answers: readonly DnsRecord[] = [],
  apex = zone.domain,
): Answer {
  return { do: 'reply', reply: { code, authoritative: true, answers, authority: [startOfAuthority(zone, apex)] } }
}

const authorities = new WeakMap<Zone, Map<string, DnsRecord>>()

/** The same each time. The serial does not move: nobody copies this zone. */
function startOfAuthority(zone: Zone, apex = zone.domain): DnsRecord {
  let known = authorities.get(zone)
  if (known === undefined) authorities.set(zone, (known = new Map()))
  let record = known.get(apex)
  if (record !== undefined) return record
  const data = {
    mname: `ns.dns.${zone.domain}`,
    rname: `hostmaster.${zone.domain}`,
    serial: 1,
    refresh: 7200,
    retry: 1800,
    expire: 86_400,
    minimum: zone.ttl,
  }
  known.set(apex, (record = newRecord(apex, 'SOA', data, zone)))
  return record
}

const newRecord = (name: string, type: string, data: unknown, { ttl }: Zone): DnsRecord => ({ name, type, ttl, data })

const toAddresses = (name: string, addresses: readonly string[], zone: Zone): DnsRecord[] =>
  addresses.map((address) => newRecord(name, address.includes(':') ? 'AAAA' : 'A', address, zone))

/** SRV records of equal weight, each place once. */
function toPorts(
  name: string,
  places: readonly { readonly port: NamedPort; readonly target: string }[],
  zone: Zone,
): DnsRecord[] {
  const distinct = new Map(places.map(({ port, target }) => [`${port.port} ${target}`, { port: port.port, target }]))
  const weight = Math.max(1, Math.floor(100 / distinct.size))
  return [...distinct.values()].map(({ port, target }) =>
    newRecord(name, 'SRV', { priority: 0, weight, port, target }, zone),
  )
}

function rotate<T>(list: readonly T[], turn: number): readonly T[] {
  if (list.length < 2) return list
  const first = turn % list.length
  return [...list.slice(first), ...list.slice(0, first)]
}

/** The address that a whole name below in-addr.arpa or ip6.arpa means. */
export function readReverseName(labels: readonly string[]): string | undefined {
  const end = labels.slice(-2).join('.')
  const digits = labels.slice(0, -2).toReversed()
  if (end === 'in-addr.arpa' && digits.length === 4) return canonicalIp(digits.join('.'))
  if (end !== 'ip6.arpa' || digits.length !== 32 || !digits.every((digit) => /^[0-9a-f]$/.test(digit))) return undefined
  return canonicalIp(digits.join('').replaceAll(/(.{4})(?=.)/g, '$1:'))
}

function isOwn(address: string, zone: Zone): boolean {
  const ip = parseIp(address)
  const ranges = zone.ranges.map((range) => parseCidr(range)).filter((range): range is Cidr => range !== undefined)
  return ip !== undefined && ranges.some((range) => cidrContains(range, ip))
}

import type { Pod } from '#api/core/v1/pod.ts'
import type { NodeDns } from '../options.ts'
import type { DnsSettings } from './containerRuntime.ts'

/** The kernel's limit for a host name. */
const longestHostname = 64
/** The longest label of a DNS name. */
const longestLabel = 63

export interface PodHostname {
  /** What `hostname` prints in the pod. */
  readonly hostname: string
  /** The short name, and the domain below which it is resolved when the pod has a subdomain. */
  readonly label: string
  readonly domain?: string
}

/** What a pod is called by itself and by DNS. Throws when its full name is too long for `setHostnameAsFQDN`. */
export function computeHostname(pod: Pod, clusterDomain: string): PodHostname {
  const { hostname, subdomain, setHostnameAsFQDN } = pod.spec
  const label =
    hostname !== undefined && hostname !== ''
      ? hostname
      : pod.metadata.name.slice(0, longestLabel).replace(/[-.]+$/, '')
  if (subdomain === undefined || subdomain === '') return { hostname: label, label }
  const domain = `${subdomain}.${pod.metadata.namespace}.svc.${clusterDomain}`
  const full = `${label}.${domain}`
  if (setHostnameAsFQDN !== true) return { hostname: label, label, domain }
  if (full.length > longestHostname) {
    throw new Error(
      `failed to construct FQDN from pod hostname and cluster domain, FQDN ${full} is too long (${longestHostname} characters is the max, ${full.length} characters requested)`,
    )
  }
  return { hostname: full, label, domain }
}

/** The pod's `/etc/hosts`. A pod in the node's network has the node's file before its own aliases. */
export function computeHostsFile(pod: Pod, ips: readonly string[], name: PodHostname, nodeHosts: string): string {
  const lines: string[] = []
  if (pod.spec.hostNetwork === true) lines.push('# Kubernetes-managed hosts file (host network).', nodeHosts.trimEnd())
  else {
    lines.push(
      '# Kubernetes-managed hosts file.',
      '127.0.0.1\tlocalhost',
      '::1\tlocalhost ip6-localhost ip6-loopback',
      'fe00::0\tip6-localnet',
      'fe00::0\tip6-mcastprefix',
      'fe00::1\tip6-allnodes',
      'fe00::2\tip6-allrouters',
    )
    const names = name.domain === undefined ? [name.label] : [`${name.label}.${name.domain}`, name.label]
    for (const ip of ips) lines.push([ip, ...names].join('\t'))
  }
  const aliases = pod.spec.hostAliases ?? []
  if (aliases.length > 0) lines.push('', '# Entries added by HostAliases.')
  for (const { ip, hostnames = [] } of aliases) lines.push([ip, ...hostnames].join('\t'))
  return `${lines.join('\n')}\n`
}

/** What a pod resolves names with, by its policy and then its own additions. */
export function computeDns(pod: Pod, node: NodeDns): DnsSettings {
  const host = parseResolvConf(node.nodeResolvConf)
  const policy = pod.spec.dnsPolicy ?? 'ClusterFirst'
  const wantsCluster =
    policy === 'ClusterFirstWithHostNet' || (policy === 'ClusterFirst' && pod.spec.hostNetwork !== true)
  const { namespace } = pod.metadata
  const { clusterDomain, clusterServers } = node
  let settings: DnsSettings = host
  if (policy === 'None') settings = { servers: [], searches: [], options: [] }
  else if (wantsCluster && clusterServers.length > 0) {
    const own = [`${namespace}.svc.${clusterDomain}`, `svc.${clusterDomain}`, clusterDomain]
    settings = { servers: clusterServers, searches: unique([...own, ...host.searches]), options: ['ndots:5'] }
  }
  const added = pod.spec.dnsConfig
  if (added === undefined) return settings
  return {
    servers: unique([...settings.servers, ...(added.nameservers ?? [])]),
    searches: unique([...settings.searches, ...(added.searches ?? [])]),
    options: mergeOptions(settings.options, added.options ?? []),
  }
}

function unique(values: readonly string[]): readonly string[] {
  return [...new Set(values)]
}

function mergeOptions(
  options: readonly string[],
  added: readonly { readonly name?: string; readonly value?: string }[],
): readonly string[] {
  const byName = new Map(options.map((option) => [option.split(':')[0]!, option]))
  for (const { name = '', value } of added) {
    byName.set(name, value === undefined || value === '' ? name : `${name}:${value}`)
  }
  return [...byName.values()]
}

/** Reads resolv.conf; the last `search` and `options` lines win, as in the C library. */
function parseResolvConf(text: string): DnsSettings {
  const servers: string[] = []
  let searches: string[] = []
  let options: string[] = []
  for (const line of text.split('\n')) {
    const [word, ...values] = line.trim().split(/\s+/)
    if (word === 'nameserver' && values[0] !== undefined) servers.push(values[0])
    // A search list of a single dot means none.
    else if (word === 'search') searches = values.filter((value) => value !== '.')
    else if (word === 'options') options = values
  }
  return { servers, searches, options }
}

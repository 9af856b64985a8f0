/** A Corefile as settings of the DNS server. */
import { parseBlocks, CorefileError, type Block } from './syntax.ts'
import { plugins, type Draft } from './plugins.ts'
import type { ServerSettings } from './settings.ts'
import { readNumber, readZone } from './words.ts'

/** Where the entries of the ConfigMap are found by plugins that read files, as in a pod of CoreDNS. */
export const filesFolder = '/etc/coredns/'

/** The port of server blocks. */
const servedPort = 53

/** The Corefile that a cluster begins with, as kubeadm writes it. */
export const usualCorefile = (domain: string): string => `.:53 {
    errors
    health {
       lameduck 5s
    }
    ready
    kubernetes ${domain} in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }
    prometheus :9153
    forward . /etc/resolv.conf {
       max_concurrent 1000
    }
    cache 30 {
       disable success ${domain}
       disable denial ${domain}
    }
    loop
    reload
    loadbalance
}
`

/**
 * Reads a Corefile; `entries` are those of its ConfigMap, which plugins can name as files. Throws CorefileError, which says in
 * which line what is wrong.
 */
export function readCorefile(text: string, entries: Readonly<Record<string, string>> = {}): readonly ServerSettings[] {
  const files = new Map(Object.entries(entries).map(([name, content]) => [`${filesFolder}${name}`, content]))
  const servers = parseBlocks(text).map((block) => readBlock(block, files))
  if (servers.length === 0) throw new CorefileError(1, 'there is no server block')
  const seen = new Set<string>()
  for (const zone of servers.flatMap(({ zones }) => zones)) {
    if (seen.has(zone)) throw new CorefileError(1, `zone "${zone === '' ? '.' : zone}" is in several server blocks`)
    seen.add(zone)
  }
  return servers
}

function readBlock(block: Block, files: ReadonlyMap<string, string>): ServerSettings {
  const zones = block.keys.map((key) => readKey(block, key))
  const draft: Draft = { zones, errors: false, loadBalance: false, rewrites: [], forwards: [] }
  const seen = new Set<string>()
  for (const directive of block.directives) {
    const { name, line } = directive
    const plugin = plugins.find((each) => each.name === name)
    if (plugin === undefined) throw new CorefileError(line, `Unknown directive '${name}'; there are ${knownNames}`)
    if (seen.has(name) && plugin.isRepeatable !== true)
      throw new CorefileError(line, `${name}: it is in this server block already`)
    seen.add(name)
    plugin.read(directive, draft, { zones, files })
  }
  if (draft.autopath !== undefined && draft.kubernetes?.pods !== 'verified')
    throw new CorefileError(block.line, 'autopath: it needs "kubernetes" with "pods verified" in the same server block')
  return draft
}

const knownNames = plugins
  .map(({ name }) => name)
  .toSorted()
  .join(', ')

/** The zone of a key such as `.:53`, `dns://example.org` or `10.0.0.0/24`. */
function readKey({ line }: Block, key: string): string {
  const at = { name: 'zone', line, words: [] }
  const [, scheme = '', zone = '', port] = /^(?:([a-z]+):\/\/)?([^]*?)(?::([^:/]*))?$/.exec(key)!
  if (scheme !== '' && scheme !== 'dns') throw new CorefileError(line, `'${key}': there is no ${scheme} here, only dns`)
  if (port !== undefined && readNumber(at, port, 1, 65_535) !== servedPort)
    throw new CorefileError(line, `'${key}': questions come to port ${servedPort} only`)
  return readZone(at, zone)
}

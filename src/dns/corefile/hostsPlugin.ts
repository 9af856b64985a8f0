/** `hosts [FILE [ZONES...]]`: names and addresses as /etc/hosts has them, written into the block or into another entry of the ConfigMap. */
import { canonicalIp } from '#lib/net/ip.ts'

import type { PluginContext } from './plugins.ts'
import type { HostsSettings } from './settings.ts'
import type { Directive } from './syntax.ts'
import { fail, oneWord, readDuration, readNumber, readZone, readZones } from './words.ts'

export function readHosts(directive: Directive, context: PluginContext): HostsSettings {
  const [first, ...rest] = directive.words
  const isFile = first?.startsWith('/') === true
  const own = readZones(directive, isFile ? rest : directive.words)
  const zones = own.length === 0 ? context.zones : own
  const addresses = new Map<string, string[]>()
  const names = new Map<string, string[]>()
  const add = (at: Directive, address: string, hosts: readonly string[]): void => {
    const ip = canonicalIp(address)
    if (ip === undefined) fail({ ...at, name: 'hosts' }, `'${address}' is not an IP address`)
    for (const host of hosts) {
      const name = readZone(at, host)
      addTo(addresses, name, ip)
      addTo(names, ip, name)
    }
  }
  if (isFile) {
    const text = context.files.get(first)
    if (text === undefined)
      fail(directive, `there is no file '${first}': only entries of the ConfigMap can be read, as /etc/coredns/ENTRY`)
    for (const line of text.split('\n')) {
      const [address, ...hosts] = line.replace(/#.*/, '').trim().split(/\s+/)
      if (address) add(directive, address, hosts)
    }
  }
  let ttl = 3600
  let hasReverse = true
  let fallthrough: readonly string[] = []
  for (const property of directive.properties ?? []) {
    const { name, words } = property
    if (name === 'ttl') ttl = readNumber(property, oneWord(property), 1, 65_535)
    else if (name === 'no_reverse') hasReverse = false
    else if (name === 'reload') readDuration(property, oneWord(property))
    else if (name === 'fallthrough') fallthrough = words.length === 0 ? [''] : readZones(property, words)
    else if (canonicalIp(name) !== undefined && words.length > 0) add(property, name, words)
    else fail({ ...property, name: 'hosts' }, `unknown property '${name}'`)
  }
  return { zones, addresses, names: hasReverse ? names : new Map(), ttl, fallthrough }
}

function addTo(lists: Map<string, string[]>, key: string, value: string): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [value])
  else if (!list.includes(value)) list.push(value)
}

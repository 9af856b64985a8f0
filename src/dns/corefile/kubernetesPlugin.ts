/** `kubernetes [ZONES...]`: the names of services and pods. */
import type { KubernetesSettings } from './settings.ts'
import type { Directive } from './syntax.ts'
import { fail, oneWord, readNumber, readZones } from './words.ts'

const podModes: readonly KubernetesSettings['pods'][] = ['disabled', 'insecure', 'verified']

/** Settings with which CoreDNS finds its API server; this server is part of the cluster. */
const ofConnection = new Set(['endpoint', 'tls', 'kubeconfig', 'apiserver_qps', 'apiserver_burst', 'startup_timeout'])

export function readKubernetes(directive: Directive, blockZones: readonly string[]): KubernetesSettings {
  const own = readZones(directive, directive.words)
  const zones = own.length === 0 ? blockZones : own
  const isReverse = (zone: string): boolean => /(^|\.)(in-addr|ip6)\.arpa$/.test(zone)
  let settings: KubernetesSettings = {
    domains: zones.filter((zone) => !isReverse(zone)),
    reverseZones: zones.filter(isReverse),
    pods: 'disabled',
    ttl: 5,
    fallthrough: [],
  }
  if (settings.domains.includes(''))
    fail(directive, 'it needs a zone such as cluster.local: the root is not the cluster')
  for (const property of directive.properties ?? []) settings = { ...settings, ...readProperty(property) }
  return settings
}

function readProperty(property: Directive): Partial<KubernetesSettings> {
  const { name, words } = property
  switch (name) {
    case 'pods': {
      const word = oneWord(property)
      const pods = podModes.find((mode) => mode === word)
      return pods === undefined ? fail(property, `'${word}' must be one of ${podModes.join(', ')}`) : { pods }
    }
    case 'ttl':
      return { ttl: readNumber(property, oneWord(property), 0, 3600) }
    case 'fallthrough':
      return { fallthrough: words.length === 0 ? [''] : readZones(property, words) }
    default:
      if (ofConnection.has(name)) return {}
      return fail({ ...property, name: 'kubernetes' }, `unknown property '${name}'`)
  }
}

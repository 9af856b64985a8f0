/** `forward FROM TO...`: which names are passed on, and to whom. */
import type { ForwardSettings, Policy, Target } from './settings.ts'
import type { Directive } from './syntax.ts'
import { checkCount, fail, oneWord, readAddress, readDuration, readNumber, readZone, readZones } from './words.ts'

const mostTargets = 15
/** The file of the node that names its servers. */
const resolvConf = '/etc/resolv.conf'
const policies: readonly Policy[] = ['random', 'round_robin', 'sequential']

export function readForward(directive: Directive): ForwardSettings {
  const [from, ...to] = directive.words
  if (from === undefined || to.length === 0)
    fail(directive, 'it needs a zone and servers, such as "forward . 192.0.2.1"')
  if (to.length > mostTargets) fail(directive, `more than ${mostTargets} servers: ${to.length}`)
  let settings: ForwardSettings = {
    from: readZone(directive, from),
    except: [],
    to: to.map((word) => readTarget(directive, word)),
    policy: 'random',
    forceTcp: false,
    preferUdp: false,
    maxFails: 2,
    healthCheckMs: 500,
    maxConcurrent: 0,
  }
  for (const property of directive.properties ?? []) settings = { ...settings, ...readProperty(property) }
  return settings
}

function readTarget(directive: Directive, word: string): Target {
  if (word === resolvConf) return { file: word }
  if (word.startsWith('/')) fail(directive, `'${word}': the only file is ${resolvConf}`)
  if (/^(tls|https|grpc):\/\//.test(word))
    fail(directive, `'${word}': servers are asked over UDP and TCP only, without encryption`)
  return readAddress(word.replace(/^dns:\/\//, ''), 53) ?? fail(directive, `not an IP address or file: '${word}'`)
}

function readProperty(property: Directive): Partial<ForwardSettings> {
  switch (property.name) {
    case 'except':
      return { except: readZones(property, property.words) }
    case 'policy': {
      const word = oneWord(property)
      const policy = policies.find((each) => each === word)
      return policy === undefined
        ? fail(property, `unknown policy '${word}'; there are ${policies.join(', ')}`)
        : { policy }
    }
    case 'force_tcp':
      checkCount(property, 0, 0)
      return { forceTcp: true }
    case 'prefer_udp':
      checkCount(property, 0, 0)
      return { preferUdp: true }
    case 'max_fails':
      return { maxFails: readNumber(property, oneWord(property), 0, 1_000_000) }
    case 'max_concurrent':
      return { maxConcurrent: readNumber(property, oneWord(property), 0, 1_000_000) }
    case 'health_check': {
      // Whether the question asks for recursion and for which name changes nothing about an answer being one.
      const healthCheckMs = readDuration(property, property.words[0] ?? '')
      return healthCheckMs < 100 ? fail(property, 'it must be 100ms or more') : { healthCheckMs }
    }
    // Connections are not kept, so they need not expire.
    case 'expire':
      readDuration(property, oneWord(property))
      return {}
    default:
      return fail({ ...property, name: 'forward' }, `unknown property '${property.name}'`)
  }
}

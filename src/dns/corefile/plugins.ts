/** Every plugin that a Corefile can name: how its words are read, and what they say about a server block. */
import type { CacheLimits, CacheSettings, LogSettings, ServerSettings } from './settings.ts'
import { readForward } from './forwardPlugin.ts'
import { readHosts } from './hostsPlugin.ts'
import { readKubernetes } from './kubernetesPlugin.ts'
import { readRewrite } from './rewritePlugin.ts'
import type { Directive } from './syntax.ts'
import { checkCount, fail, oneWord, readDuration, readNumber, readZones, withoutProperties } from './words.ts'

/** What a plugin is read in. */
export interface PluginContext {
  /** The zones of the server block. */
  readonly zones: readonly string[]
  /** Files that a Corefile may name, by path: the other entries of its ConfigMap. */
  readonly files: ReadonlyMap<string, string>
}

/** What has been said about a server block up to now. */
export type Draft = { -readonly [K in keyof ServerSettings]: ServerSettings[K] }

interface Plugin {
  readonly name: string
  /** Whether it may stand several times in one block. */
  readonly isRepeatable?: boolean
  read(directive: Directive, draft: Draft, context: PluginContext): void
}

/** They promise what this server does anyway, or ask for ports that only a pod of CoreDNS has. */
const withoutEffect: readonly Plugin[] = ['health', 'ready', 'reload', 'loop', 'cancel', 'bufsize', 'minimal'].map(
  (name) => ({ name, read: () => undefined }),
)

export const plugins: readonly Plugin[] = [
  ...withoutEffect,
  {
    name: 'errors',
    read(directive, draft) {
      checkCount(directive, 0, 1)
      draft.errors = true
    },
  },
  { name: 'log', read: (directive, draft, { zones }) => void (draft.log = readLog(directive, zones)) },
  {
    name: 'prometheus',
    read(directive, draft) {
      withoutProperties(directive)
      checkCount(directive, 0, 1)
      const port = /^[^\s]*:(\d{1,5})$/.exec(directive.words[0] ?? ':9153')?.[1]
      if (port === undefined) fail(directive, `'${directive.words[0]}' must be an address such as :9153`)
      draft.metricsPort = readNumber(directive, port, 1, 65_535)
    },
  },
  {
    name: 'loadbalance',
    read(directive, draft) {
      withoutProperties(directive)
      checkCount(directive, 0, 1)
      const policy = directive.words[0] ?? 'round_robin'
      if (policy !== 'round_robin') fail(directive, `unknown policy: ${policy}; there is round_robin`)
      draft.loadBalance = true
    },
  },
  {
    name: 'rewrite',
    isRepeatable: true,
    read: (directive, draft) => void (draft.rewrites = [...draft.rewrites, readRewrite(directive)]),
  },
  {
    name: 'autopath',
    read(directive, draft, { zones }) {
      withoutProperties(directive)
      const [search, ...own] = directive.words
      if (search !== '@kubernetes') fail(directive, `'${search ?? ''}' must be @kubernetes`)
      draft.autopath = { zones: own.length === 0 ? zones : readZones(directive, own) }
    },
  },
  { name: 'hosts', read: (directive, draft, context) => void (draft.hosts = readHosts(directive, context)) },
  {
    name: 'kubernetes',
    read: (directive, draft, { zones }) => void (draft.kubernetes = readKubernetes(directive, zones)),
  },
  {
    name: 'forward',
    isRepeatable: true,
    read: (directive, draft) => void (draft.forwards = [...draft.forwards, readForward(directive)]),
  },
  { name: 'cache', read: (directive, draft, { zones }) => void (draft.cache = readCache(directive, zones)) },
]

const logClasses = ['all', 'success', 'denial', 'error'] as const

function readLog(directive: Directive, zones: readonly string[]): LogSettings {
  const classes = new Set<(typeof logClasses)[number]>()
  for (const property of directive.properties ?? []) {
    if (property.name !== 'class') fail({ ...property, name: 'log' }, `unknown property '${property.name}'`)
    for (const word of property.words) {
      const known = logClasses.find((each) => each === word)
      if (known === undefined) fail(property, `'${word}' must be one of ${logClasses.join(', ')}`)
      classes.add(known)
    }
  }
  const own = readZones(directive, directive.words)
  return { zones: own.length === 0 ? zones : own, classes: classes.size === 0 ? new Set(['all']) : classes }
}

const longestTtl = 3600
const usualCapacity = 9984

/** `cache [TTL] [ZONES...]` and its properties. */
function readCache(directive: Directive, zones: readonly string[]): CacheSettings {
  const [first = ''] = directive.words
  const ttl = /^\d+$/.test(first) ? readNumber(directive, first, 1, 86_400) : undefined
  const own = readZones(directive, ttl === undefined ? directive.words : directive.words.slice(1))
  const limits = (maxTtl: number): CacheLimits => ({ capacity: usualCapacity, minTtl: 5, maxTtl, except: [] })
  let settings: CacheSettings = {
    zones: own.length === 0 ? zones : own,
    success: limits(ttl ?? longestTtl),
    denial: limits(ttl ?? longestTtl / 2),
    failureTtl: 5,
  }
  for (const property of directive.properties ?? [])
    settings = { ...settings, ...readCacheProperty(property, settings) }
  return settings
}

function readCacheProperty(property: Directive, known: CacheSettings): Partial<CacheSettings> {
  const { name, words } = property
  switch (name) {
    case 'success':
    case 'denial': {
      checkCount(property, 1, 3)
      const [capacity = '', maxTtl, minTtl] = words
      const limits = known[name]
      return {
        [name]: {
          ...limits,
          capacity: readNumber(property, capacity, 0, 1_000_000),
          ...(maxTtl === undefined ? {} : { maxTtl: readNumber(property, maxTtl, 1, 86_400) }),
          ...(minTtl === undefined ? {} : { minTtl: readNumber(property, minTtl, 0, 86_400) }),
        },
      }
    }
    case 'servfail': {
      const ms = readDuration(property, oneWord(property))
      if (ms > 300_000) fail(property, 'failures are kept for 5m at most')
      return { failureTtl: ms / 1000 }
    }
    case 'prefetch': {
      checkCount(property, 1, 3)
      const [amount = '', within = '1m', percentage = '10%'] = words
      if (!/^\d{1,3}%$/.test(percentage)) fail(property, `'${percentage}' must be a percentage such as 10%`)
      const share = readNumber(property, percentage.slice(0, -1), 10, 90)
      const withinMs = readDuration(property, within)
      return { prefetch: { amount: readNumber(property, amount, 0, 1_000_000), withinMs, percentage: share } }
    }
    case 'disable': {
      const [kind = '', ...zones] = words
      if (kind !== 'success' && kind !== 'denial') fail(property, `'${kind}' must be success or denial`)
      return { [kind]: { ...known[kind], except: zones.length === 0 ? [''] : readZones(property, zones) } }
    }
    case 'keepttl':
      return {}
    default:
      return fail({ ...property, name: 'cache' }, `unknown property '${name}'`)
  }
}

/**
 * Assembly: what a cluster is made of and how it comes to life on a machine. `config.ts` says what is wanted, `record.ts`
 * what there is, `components.ts` which parts run in a process, `commands/` what a person can do. The parts themselves know
 * nothing of each other and live in their own folders.
 */
import { nameProblem } from '#cluster/place/layout.ts'
import { defaultPodRange, defaultServiceRange } from '#cluster/place/network.ts'
import { parseYaml } from '#lib/encoding/yaml.ts'
import { addressAt, cidrsOverlap, parseCidr } from '#lib/net/cidr.ts'
import { formatIp } from '#lib/net/ip.ts'

/** What a person asks for; a file may say all of it, flags some. */
export interface ClusterConfig {
  readonly name: string
  /** Worker nodes beside the control plane; without any the control-plane node takes workloads itself. */
  readonly workers: number
  /** Nodes that run pods without containers. */
  readonly simulatedNodes: number
  readonly podRange: string
  readonly serviceRange: string
  /** First and last port that nodes open for services. */
  readonly nodePorts: readonly [number, number]
  readonly clusterDomain: string
  readonly apiServerPort: number
  /** How much of the past can be read: at most this many bytes and hours. */
  readonly history: { readonly megabytes: number; readonly hours: number }
  /** Images and snapshots in memory instead of on disk: quicker, and gone after `stop`. */
  readonly ephemeral: boolean
  /** Whether nodes and pods reach what is outside of this machine, such as registries, under its address. */
  readonly outside: boolean
  /** Further ways to say who one is. */
  readonly authentication?: AuthenticationConfig
}

export interface AuthenticationConfig {
  /** A file with lines `token,user,uid,"group1,group2"`; absolute. */
  readonly tokenFile?: string
  /** An OpenID Connect provider whose users are known. */
  readonly oidc?: OidcConfig
}

export interface OidcConfig {
  readonly issuer: string
  readonly clientId: string
  readonly usernameClaim?: string
  readonly usernamePrefix?: string
  readonly groupsClaim?: string
  readonly groupsPrefix?: string
  /** The file with the authority of the provider's certificate, as PEM; absolute. */
  readonly authorityFile?: string
}

export const defaultConfig: ClusterConfig = {
  name: 'k8ts',
  workers: 0,
  simulatedNodes: 0,
  podRange: defaultPodRange,
  serviceRange: defaultServiceRange,
  nodePorts: [30_000, 32_767],
  clusterDomain: 'cluster.local',
  apiServerPort: 6443,
  history: { megabytes: 256, hours: 24 },
  ephemeral: false,
  outside: false,
}

/** A configuration that cannot be used; the message names the setting, the value and what would be right. */
export class ConfigError extends Error {
  override name = 'ConfigError'
}

const mostWorkers = 200
const mostSimulatedNodes = 5_000
const mostFileBytes = 64 * 1024

type Reader = (value: unknown, setting: string) => Partial<ClusterConfig>

function wholeNumber(key: keyof ClusterConfig, least: number, most: number): Reader {
  return (value, setting) => ({ [key]: readNumber(value, setting, least, most) })
}

function readNumber(value: unknown, setting: string, least: number, most: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value
  throw new ConfigError(`${setting} is ${JSON.stringify(value)}; it must be a whole number from ${least} to ${most}`)
}

function text(key: keyof ClusterConfig, problemOf: (value: string) => string | undefined): Reader {
  return (value, setting) => {
    const problem = typeof value === 'string' ? problemOf(value) : 'it must be a text'
    if (problem !== undefined) throw new ConfigError(`${setting} is ${JSON.stringify(value)}; ${problem}`)
    return { [key]: value }
  }
}

function yesOrNo(key: keyof ClusterConfig): Reader {
  return (value, setting) => {
    if (typeof value !== 'boolean')
      throw new ConfigError(`${setting} is ${JSON.stringify(value)}; it must be true or false`)
    return { [key]: value }
  }
}

function rangeProblem(value: string): string | undefined {
  const cidr = parseCidr(value)
  if (cidr === undefined || cidr.family !== 4) return 'it must be an IPv4 range such as 10.244.0.0/16'
  return cidr.prefix > 24 ? 'it must hold at least 256 addresses (/24 or wider)' : undefined
}

const oidcSettings: readonly (keyof OidcConfig)[] = [
  'issuer',
  'clientId',
  'usernameClaim',
  'usernamePrefix',
  'groupsClaim',
  'groupsPrefix',
  'authorityFile',
]

/** The members of a setting that holds several, none of them unknown. */
function readMembers(value: unknown, setting: string, known: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ConfigError(`${setting} is ${JSON.stringify(value)}; it must hold ${known.join(', ')}`)
  }
  for (const name of Object.keys(value)) if (!known.includes(name)) throw unknownSetting(`${setting}.${name}`, known)
  return value as Record<string, unknown>
}

function readTexts(members: Readonly<Record<string, unknown>>, setting: string): Readonly<Record<string, string>> {
  for (const [name, value] of Object.entries(members)) {
    if (typeof value === 'string') continue
    throw new ConfigError(`${setting}.${name} is ${JSON.stringify(value)}; it must be a text`)
  }
  return members as Record<string, string>
}

function checkAbsolute(path: string | undefined, setting: string): void {
  if (path === undefined || path.startsWith('/')) return
  throw new ConfigError(`${setting} is ${JSON.stringify(path)}; it must be an absolute path`)
}

/** How each setting of a configuration file is read. */
const readers: Readonly<Record<string, Reader>> = {
  name: text('name', nameProblem),
  workers: wholeNumber('workers', 0, mostWorkers),
  simulatedNodes: wholeNumber('simulatedNodes', 0, mostSimulatedNodes),
  podRange: text('podRange', rangeProblem),
  serviceRange: text('serviceRange', rangeProblem),
  nodePorts: (value, setting) => {
    const match = typeof value === 'string' ? /^(\d{1,5})-(\d{1,5})$/.exec(value) : null
    const [first, last] = [Number(match?.[1]), Number(match?.[2])]
    if (match === null || first < 1 || last > 65_535 || first > last) {
      throw new ConfigError(`${setting} is ${JSON.stringify(value)}; it must be two ports such as 30000-32767`)
    }
    return { nodePorts: [first, last] }
  },
  clusterDomain: text('clusterDomain', (value) =>
    /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(value)
      ? undefined
      : 'it must be a domain such as cluster.local',
  ),
  apiServerPort: wholeNumber('apiServerPort', 1, 65_535),
  history: (value, setting) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new ConfigError(`${setting} is ${JSON.stringify(value)}; it must hold megabytes and hours`)
    }
    const {
      megabytes = defaultConfig.history.megabytes,
      hours = defaultConfig.history.hours,
      ...others
    } = value as Record<string, unknown>
    for (const other of Object.keys(others)) throw unknownSetting(`${setting}.${other}`, ['megabytes', 'hours'])
    return {
      history: {
        megabytes: readNumber(megabytes, `${setting}.megabytes`, 1, 1_000_000),
        hours: readNumber(hours, `${setting}.hours`, 0, 24 * 365),
      },
    }
  },
  authentication: (value, setting) => {
    const { oidc, ...rest } = readMembers(value, setting, ['tokenFile', 'oidc'])
    const { tokenFile } = readTexts(rest, setting)
    checkAbsolute(tokenFile, `${setting}.tokenFile`)
    if (oidc === undefined) return { authentication: tokenFile === undefined ? {} : { tokenFile } }
    const place = `${setting}.oidc`
    const provider = readTexts(readMembers(oidc, place, oidcSettings), place)
    for (const needed of ['issuer', 'clientId'])
      if ((provider[needed] ?? '') === '') throw new ConfigError(`${place}.${needed} is missing; it must be a text`)
    checkAbsolute(provider['authorityFile'], `${place}.authorityFile`)
    const authentication = {
      oidc: provider as unknown as OidcConfig,
      ...(tokenFile === undefined ? {} : { tokenFile }),
    }
    return { authentication }
  },
  ephemeral: yesOrNo('ephemeral'),
  outside: yesOrNo('outside'),
}

function unknownSetting(setting: string, known: readonly string[]): ConfigError {
  return new ConfigError(`${setting} is no setting; there are ${known.join(', ')}`)
}

/** Reads a configuration file's text (YAML or JSON); what it does not say is absent. Throws ConfigError. */
export function parseConfigFile(content: string): Partial<ClusterConfig> {
  if (content.length > mostFileBytes) throw new ConfigError(`The file is larger than ${mostFileBytes} bytes`)
  let parsed: unknown
  try {
    parsed = parseYaml(content)
  } catch (error) {
    throw new ConfigError((error as Error).message)
  }
  if (parsed === null || parsed === undefined) return {}
  if (typeof parsed !== 'object' || Array.isArray(parsed)) throw new ConfigError('The file must hold settings by name')
  const config: Partial<ClusterConfig> = {}
  for (const [setting, value] of Object.entries(parsed)) {
    const read = Object.hasOwn(readers, setting) ? readers[setting] : undefined
    if (read === undefined) throw unknownSetting(setting, Object.keys(readers))
    Object.assign(config, read(value, setting))
  }
  return config
}

/** The whole configuration: flags win over the file, the file over what is usual. Throws ConfigError. */
export function completeConfig(...parts: readonly Partial<ClusterConfig>[]): ClusterConfig {
  const config: ClusterConfig = Object.assign({}, defaultConfig, ...parts)
  const problem = nameProblem(config.name)
  if (problem !== undefined) throw new ConfigError(`name is ${JSON.stringify(config.name)}; ${problem}`)
  readNumber(config.workers, 'workers', 0, mostWorkers)
  readNumber(config.simulatedNodes, 'simulatedNodes', 0, mostSimulatedNodes)
  readNumber(config.apiServerPort, 'apiServerPort', 1, 65_535)
  const [podRange, serviceRange] = [parseCidr(config.podRange)!, parseCidr(config.serviceRange)!]
  if (cidrsOverlap(podRange, serviceRange)) {
    throw new ConfigError(`podRange ${config.podRange} and serviceRange ${config.serviceRange} overlap; they must not`)
  }
  return config
}

/** The address at this place of the service range: 1 is the API server's, 10 the DNS server's. */
export function serviceAddress(config: Pick<ClusterConfig, 'serviceRange'>, index: number): string {
  return formatIp(addressAt(parseCidr(config.serviceRange)!, index))
}

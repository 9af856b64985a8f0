/**
 * Assembly: what a cluster is made of and how it comes to life on a machine. `config.ts` says what is wanted, `record.ts`
 * what there is, `components.ts` which parts run in a process, `commands/` what a person can do. The parts themselves know
 * nothing of each other and live in their own folders.
 */
import { kubeletSettings } from './kubeletSettings.ts'
import { poolProblem } from './loadBalancerPool.ts'
import { audit } from './server/settings/audit.ts'
import { nameProblem } from '#cluster/place/layout.ts'
import { defaultPodRanges, defaultServiceRanges, familiesOf, rangesOf, rangesProblem } from '#cluster/place/ranges.ts'
import { addressAt, cidrsOverlap, parseCidr } from '#lib/net/cidr.ts'
import { formatIp } from '#lib/net/ip.ts'
import {
  absolutePath,
  defaulting,
  listOf,
  members,
  oneOf,
  required,
  text,
  wholeNumber,
  yesOrNo,
  type SettingValue,
} from '#lib/settings/settings.ts'
import type { KubeletSettings } from '#kubelet/settings.ts'
import { nodePortAddressesProblem } from '#proxy/nodePortRanges.ts'
import { betweenChoices, type Between, type TunnelSettings } from '#nodeNetwork/settings.ts'
import { readSettings } from '#lib/settings/settingsFile.ts'
import { withoutAbsent } from '#lib/settings/withoutAbsent.ts'

/** What a person asks for; a file may say all of it, flags some. */
export interface ClusterConfig {
  readonly name: string
  /** Worker nodes beside the control plane; without any the control-plane node takes workloads itself. */
  readonly workers: number
  /** Nodes that run pods without containers. */
  readonly simulatedNodes: number
  /** The addresses of pods: one range, or one of each family with a comma between; the first one's family is the primary. */
  readonly podRange: string
  /** The addresses of services, of the same families in the same order. */
  readonly serviceRange: string
  /** How pods of different nodes reach each other; `auto` when absent. */
  readonly between?: Between
  /** Whether pods get a network of the cluster's own; where not, nodes wait for a network plugin. True when absent. */
  readonly podNetwork?: boolean
  /** Whether pods' annotations `kubernetes.io/ingress-bandwidth` and `egress-bandwidth` hold; false when absent. */
  readonly trafficShaping?: boolean
  /** What tunnels between nodes use instead of what is usual. */
  readonly tunnels?: Partial<TunnelSettings>
  /** First and last port that nodes open for services. */
  readonly nodePorts: readonly [number, number]
  /** Where nodes open them: at their addresses in these ranges, or at the `primary` ones; at all when absent. */
  readonly nodePortAddresses?: readonly string[]
  readonly clusterDomain: string
  readonly apiServerPort: number
  /** How much of the past can be read: at most this many bytes and hours. */
  readonly history: { readonly megabytes: number; readonly hours: number }
  /** Images and snapshots in memory instead of on disk: quicker, and gone after `stop`. */
  readonly ephemeral: boolean
  /** Whether nodes and pods reach what is outside of this machine, such as registries, under its address. */
  readonly outside: boolean
  /** Whether the cluster tells what nodes and pods use (`kubectl top`, autoscaling by cpu and memory); true when absent. */
  readonly metrics?: boolean
  /** Whether nodes answer DNS questions; false where a server in pods does. True when absent. */
  readonly dns?: boolean
  /** Whether nodes enforce network policies; unless told, where they make the pods' network too. */
  readonly networkPolicies?: boolean
  /** When nodes serve ingresses: from the first one on, unless told. */
  readonly ingress?: IngressStart
  /** Further ways to say who one is. */
  readonly authentication?: AuthenticationConfig
  /** Who did what is noted for those who look afterwards; not when absent. Its files are read when the control plane starts. */
  readonly audit?: SettingValue<typeof audit>
  /** Addresses for services of type LoadBalancer; from the range of nodes when absent. */
  readonly loadBalancer?: LoadBalancerConfig
  /** How the agents of nodes do; read whenever a node starts. */
  readonly kubelet?: KubeletSettings
  /** A file with a KubeSchedulerConfiguration, read whenever the control plane starts; absolute. */
  readonly schedulerConfig?: string
}

/** When nodes serve ingresses: from the first one on, from the start, or not at all: another controller does. */
export type IngressStart = 'whenUsed' | 'always' | 'never'

export interface LoadBalancerConfig {
  /** Whether such services get addresses of the cluster; true when absent. */
  readonly enabled?: boolean
  /** Ranges such as `192.0.2.200-192.0.2.250,192.0.2.16/28`; some of the range of nodes when absent. */
  readonly pool?: string
}

export interface AuthenticationConfig {
  /** A file with lines `token,user,uid,"group1,group2"`; absolute. */
  readonly tokenFile?: string
  /** An OpenID Connect provider whose users are known. */
  readonly oidc?: OidcConfig
  /** A file of kind AuthenticationConfiguration; absolute. */
  readonly configFile?: string
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
  podRange: defaultPodRanges[4],
  serviceRange: defaultServiceRanges[4],
  nodePorts: [30_000, 32_767],
  clusterDomain: 'cluster.local',
  apiServerPort: 6443,
  history: { megabytes: 256, hours: 24 },
  ephemeral: false,
  outside: false,
  metrics: true,
  dns: true,
  ingress: 'whenUsed',
}

/** A network plugin of others has its own way to enforce policies. */
export function enforcesNetworkPolicies({ networkPolicies, podNetwork }: ClusterConfig): boolean {
  return networkPolicies ?? podNetwork !== false
}

/** A configuration that cannot be used; the message names the setting, the value and what would be right. */
export class ConfigError extends Error {
  override name = 'ConfigError'
}

const mostWorkers = 200
const mostSimulatedNodes = 5_000

/** How wide a range of IPv6 must be, as first and last prefix, and why. */
interface Ipv6Width {
  readonly from: number
  readonly to: number
  readonly why: string
}

const podWidth: Ipv6Width = { from: 48, to: 64, why: 'each node gets a /64 of it: /48 to /64' }
const serviceWidth: Ipv6Width = { from: 64, to: 120, why: 'it must be a /64 to /120' }

/** Says what is wrong with the ranges of pods or services; undefined when nothing is. */
function widthProblem(value: string, { from, to, why }: Ipv6Width): string | undefined {
  const problem = rangesProblem(value)
  if (problem !== undefined) return problem
  for (const range of rangesOf(value)) {
    const { family, prefix } = parseCidr(range)!
    if (family === 4 && prefix > 24) return 'it must hold at least 256 addresses (/24 or wider)'
    if (family === 6 && (prefix < from || prefix > to)) return why
  }
  return undefined
}

export const podRangeProblem = (value: string): string | undefined => widthProblem(value, podWidth)
export const serviceRangeProblem = (value: string): string | undefined => widthProblem(value, serviceWidth)

const range = (about: string, rule: (value: string) => string | undefined) =>
  text({ about, shape: 'a range such as 10.244.0.0/16, or one of each family', rule })

const usual = defaultConfig.history

/** The file of `k8ts up --config`; what it does not say is as usual, or as flags say. */
const clusterSettings = members('A cluster of k8ts.', {
  name: text({ about: 'What it is called.', rule: nameProblem }),
  workers: wholeNumber({ about: 'Worker nodes beside the control plane.', least: 0, most: mostWorkers }),
  simulatedNodes: wholeNumber({ about: 'Nodes that run pods without containers.', least: 0, most: mostSimulatedNodes }),
  podRange: range('The addresses of pods.', podRangeProblem),
  serviceRange: range('The addresses of services.', serviceRangeProblem),
  between: oneOf({ about: 'How pods of different nodes reach each other.' }, betweenChoices),
  podNetwork: yesOrNo({ about: "Whether pods get a network of the cluster's own." }),
  trafficShaping: yesOrNo({ about: 'Whether the bandwidth annotations of pods hold.' }),
  tunnels: members('What tunnels between nodes use.', {
    vxlanId: wholeNumber({ about: 'The network identifier of VXLAN.', least: 0, most: 2 ** 24 - 1 }),
    vxlanPort: wholeNumber({ about: 'The UDP port of VXLAN.', least: 1, most: 65_535 }),
    wireguardPort: wholeNumber({ about: 'The UDP port of WireGuard.', least: 1, most: 65_535 }),
  }),
  nodePorts: text({
    about: 'First and last port that nodes open for services.',
    rule: (value) => (readPorts(value) === undefined ? 'it must be two ports such as 30000-32767' : undefined),
  }),
  nodePortAddresses: listOf(
    { about: 'Where nodes open ports for services: at their addresses in these ranges, or at the primary ones.' },
    text({ about: 'A range, or primary.', rule: (value) => nodePortAddressesProblem([value]) }),
  ),
  clusterDomain: text({
    about: 'The domain of services.',
    rule: (value) =>
      /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(value)
        ? undefined
        : 'it must be a domain such as cluster.local',
  }),
  apiServerPort: wholeNumber({ about: 'Where the API server listens.', least: 1, most: 65_535 }),
  history: members('How much of the past can be read.', {
    megabytes: defaulting(wholeNumber({ about: 'At most this much.', least: 1, most: 1_000_000 }), usual.megabytes),
    hours: defaulting(wholeNumber({ about: 'At most this long.', least: 0, most: 24 * 365 }), usual.hours),
  }),
  ephemeral: yesOrNo({ about: 'Whether images and snapshots are kept in memory.' }),
  outside: yesOrNo({ about: 'Whether nodes and pods reach what is outside of this machine.' }),
  kubelet: kubeletSettings,
  schedulerConfig: absolutePath({ about: 'A file with a KubeSchedulerConfiguration.' }),
  audit,
  loadBalancer: members('Addresses for services of type LoadBalancer.', {
    enabled: yesOrNo({ about: 'Whether such services get addresses of the cluster.' }),
    pool: text({
      about: 'Ranges such as 192.0.2.200-192.0.2.250; some of the range of nodes when absent.',
      rule: poolProblem,
    }),
  }),
  metrics: yesOrNo({ about: 'Whether the cluster tells what nodes and pods use.' }),
  dns: yesOrNo({ about: 'Whether nodes answer DNS questions.' }),
  networkPolicies: yesOrNo({ about: 'Whether nodes enforce network policies.' }),
  ingress: oneOf({ about: 'When nodes serve ingresses.' }, ['whenUsed', 'always', 'never']),
  authentication: members(
    'Further ways to say who one is.',
    {
      tokenFile: absolutePath({ about: 'Lines token,user,uid,"group1,group2".' }),
      configFile: absolutePath({ about: 'A file of kind AuthenticationConfiguration.' }),
      oidc: members('An OpenID Connect provider whose users are known.', {
        issuer: required(text({ about: 'As its tokens name it.', rule: filled })),
        clientId: required(text({ about: 'For whom tokens must be made.', rule: filled })),
        usernameClaim: text({ about: 'The claim with the name of the user.' }),
        usernamePrefix: text({ about: 'What stands before names.' }),
        groupsClaim: text({ about: 'The claim with the groups of the user.' }),
        groupsPrefix: text({ about: 'What stands before groups.' }),
        authorityFile: absolutePath({ about: "PEM of the authority of the provider's certificate." }),
      }),
    },
    ({ configFile, oidc }, place) => {
      if (configFile !== undefined && oidc !== undefined) {
        place.at('oidc').note('cannot be said together with configFile')
      }
    },
  ),
})

function filled(value: string): string | undefined {
  return value === '' ? 'it must not be empty' : undefined
}

/** The first and the last port of `30000-32767`; undefined when it is no such range. */
export function readPorts(value: string): readonly [number, number] | undefined {
  const match = /^(\d{1,5})-(\d{1,5})$/.exec(value)
  const [first, last] = [Number(match?.[1]), Number(match?.[2])]
  return match === null || first < 1 || last > 65_535 || first > last ? undefined : [first, last]
}

/** Reads a configuration file's text (YAML or JSON); what it does not say is absent. Throws SettingsError. */
export function parseConfigFile(content: string, name: string): Partial<ClusterConfig> {
  const said: unknown = withoutAbsent(readSettings(clusterSettings, content, name))
  const { nodePorts, ...rest } = said as Partial<NonNullable<SettingValue<typeof clusterSettings>>>
  const ports = nodePorts === undefined ? {} : { nodePorts: readPorts(nodePorts)! }
  return { ...(rest as Partial<ClusterConfig>), ...ports }
}

function checkNumber(value: number, setting: string, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return
  throw new ConfigError(`${setting} is ${value}; it must be a whole number from ${least} to ${most}`)
}

/** The whole configuration: flags win over the file, the file over what is usual. Throws ConfigError. */
export function completeConfig(...parts: readonly Partial<ClusterConfig>[]): ClusterConfig {
  const said: Partial<ClusterConfig> = Object.assign({}, ...parts)
  const config: ClusterConfig = { ...defaultConfig, ...said, ...usualRanges(said) }
  const problem = nameProblem(config.name)
  if (problem !== undefined) throw new ConfigError(`name is ${JSON.stringify(config.name)}; ${problem}`)
  checkNumber(config.workers, 'workers', 0, mostWorkers)
  checkNumber(config.simulatedNodes, 'simulatedNodes', 0, mostSimulatedNodes)
  checkNumber(config.apiServerPort, 'apiServerPort', 1, 65_535)
  if (config.loadBalancer?.pool !== undefined) {
    const poolIs = poolProblem(config.loadBalancer.pool)
    if (poolIs !== undefined)
      throw new ConfigError(`loadBalancer.pool is ${JSON.stringify(config.loadBalancer.pool)}; ${poolIs}`)
  }
  const nodePortProblem = nodePortAddressesProblem(config.nodePortAddresses ?? [])
  if (nodePortProblem !== undefined)
    throw new ConfigError(`nodePortAddresses is ${JSON.stringify(config.nodePortAddresses)}; ${nodePortProblem}`)
  const { podRange, serviceRange } = config
  if (familiesOf(podRange).join() !== familiesOf(serviceRange).join()) {
    throw new ConfigError(
      `podRange is ${podRange} and serviceRange is ${serviceRange}; they must be of the same families in the same order`,
    )
  }
  for (const pods of rangesOf(podRange)) {
    for (const services of rangesOf(serviceRange)) {
      if (!cidrsOverlap(parseCidr(pods)!, parseCidr(services)!)) continue
      throw new ConfigError(`podRange ${pods} and serviceRange ${services} overlap; they must not`)
    }
  }
  const roomIs = roomProblem(config, config.workers + 1)
  if (roomIs !== undefined) throw new ConfigError(roomIs)
  return config
}

/** Prefixes of the ranges that nodes get of those of pods. */
const nodePrefixes = { 4: 24, 6: 64 }

/** Says what is wrong with the ranges of pods for so many nodes with containers; undefined when nothing is. */
export function roomProblem({ podRange, podNetwork }: ClusterConfig, nodes: number): string | undefined {
  // A network plugin may give nodes something else.
  if (podNetwork === false) return undefined
  for (const pods of rangesOf(podRange)) {
    const { family, prefix } = parseCidr(pods)!
    const room = 2 ** (nodePrefixes[family] - prefix)
    if (nodes > room)
      return `podRange ${pods} has room for ${room} ${room === 1 ? 'node' : 'nodes'} with a /${nodePrefixes[family]} each, not for ${nodes}`
  }
  return undefined
}

/** Ranges that are not said are of the families of those that are. */
function usualRanges({ podRange, serviceRange }: Partial<ClusterConfig>): Partial<ClusterConfig> {
  const families = familiesOf(podRange ?? serviceRange ?? defaultConfig.podRange)
  const usualOf = (ranges: typeof defaultPodRanges): string => families.map((family) => ranges[family]).join(',')
  return {
    podRange: podRange ?? usualOf(defaultPodRanges),
    serviceRange: serviceRange ?? usualOf(defaultServiceRanges),
  }
}

/** The addresses at this place of the service ranges, the primary one first: 1 is the API server's, 10 the DNS server's. */
export function serviceAddresses(config: Pick<ClusterConfig, 'serviceRange'>, index: number): string[] {
  return rangesOf(config.serviceRange).map((range) => formatIp(addressAt(parseCidr(range)!, index)))
}

/** The primary one of `serviceAddresses`. */
export function serviceAddress(config: Pick<ClusterConfig, 'serviceRange'>, index: number): string {
  return serviceAddresses(config, index)[0]!
}

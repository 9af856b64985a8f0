/**
 * Looks at the machine before a cluster is made on it: what real nodes need and what of it is missing, with the one command
 * that mends it. Deciding (`planPreflight`) is apart from looking (`readFacts`) and from mending (`installPackages`).
 */
import { release } from 'node:os'

import { haproxyProblem, haproxyVersion } from '#ingress/haproxy/program.ts'
import type { Host } from '#lib/host/host.ts'
import { findProgram } from '#lib/host/programs.ts'
import type { Between } from '#nodeNetwork/settings.ts'
import { wireguardProgram } from '#nodeNetwork/wireguardProcess.ts'

import type { ClusterConfig } from './config.ts'
import { installCommand, isDebian } from './packages.ts'
import { findCniPlugins } from './place/containerd.ts'
import { parseContainerdVersion } from './place/containerdConfig.ts'
import {
  defaultPodRanges,
  defaultServiceRanges,
  familiesOf,
  findCollisions,
  rangesOf,
  readBusyRanges,
} from './place/ranges.ts'

/** What is known about a machine. */
export interface Facts {
  readonly platform: string
  readonly kernel: string
  readonly root: boolean
  /** `ID` and `ID_LIKE` of /etc/os-release. */
  readonly distributions: readonly string[]
  /** Path of each program that was found. */
  readonly programs: ReadonlyMap<string, string>
  /** What `containerd --version` says. */
  readonly containerdVersion: string | undefined
  /** What `haproxy -v` says. */
  readonly haproxyVersion: string | undefined
  readonly hasNetworkPlugins: boolean
  /** Undefined when it could not be tried (without root). */
  readonly features: Readonly<Record<Feature, boolean | undefined>>
  /** Whether the kernel makes links of type wireguard; undefined when it was not tried. */
  readonly hasWireguard: boolean | undefined
  /** Whether programs can make links (/dev/net/tun). */
  readonly hasTun: boolean
  readonly cgroupVersion: 1 | 2 | undefined
  readonly cgroupControllers: readonly string[]
  readonly freeBytes: number
  /** Addresses and routes of the machine inside the cluster's ranges, as `range: what`. */
  readonly collisions: readonly string[]
}

/** What the kernel must be able to do. */
export type Feature = 'namespaces' | 'bridge' | 'veth' | 'overlay' | 'nftables' | 'bridgeFilter'

/** Something that keeps real nodes from running here. */
export interface Missing {
  readonly what: string
  /** Whether `installPackages` mends it on this machine. */
  readonly installable: boolean
}

/** What a cluster will have of that which not every cluster has. */
export interface Uses {
  readonly ingress: boolean
  readonly loadBalancer: boolean
  readonly wireguard: boolean
}

export interface Preflight {
  readonly missing: readonly Missing[]
  /** Things that work but may surprise. */
  readonly warnings: readonly string[]
  /** Packages without which there are no real nodes. */
  readonly packages: readonly string[]
  /** Packages that this cluster uses but can do without; empty where `installPackages` cannot install them. */
  readonly useful: readonly string[]
  /** What to type to mend all that can be mended; absent when nothing can or must be. */
  readonly command?: string
}

const packageOf: Readonly<Record<string, string>> = {
  containerd: 'containerd',
  ctr: 'containerd',
  'containerd-shim-runc-v2': 'containerd',
  nft: 'nftables',
  conntrack: 'conntrack',
  ip: 'iproute2',
  nsenter: 'util-linux',
  unshare: 'util-linux',
  mount: 'mount',
  umount: 'mount',
  sysctl: 'procps',
}

interface Useful {
  readonly program: string
  readonly packageName: string
  isUsed(uses: Uses): boolean
  /** What is so without it. */
  readonly without: string
}

/** What a cluster uses where it is there; what stands for it is slower or later. */
const usefulPrograms: readonly Useful[] = [
  {
    program: 'crun',
    packageName: 'crun',
    isUsed: () => true,
    without: 'containers start a little later with runc',
  },
  {
    program: 'haproxy',
    packageName: 'haproxy',
    isUsed: ({ ingress }) => ingress,
    without: 'ingresses are served by a slower part of k8ts itself',
  },
  {
    program: 'arping',
    packageName: 'iputils-arping',
    isUsed: ({ loadBalancer }) => loadBalancer,
    without: 'neighbours find out late when the address of a load balancer moves to another node',
  },
]

const everything: Uses = { ingress: true, loadBalancer: true, wireguard: true }

/** What the clusters of these settings have. */
export const usesOf = ({
  ingress,
  loadBalancer,
  between,
}: Pick<ClusterConfig, 'ingress' | 'loadBalancer' | 'between'>): Uses => ({
  ingress: ingress !== 'never',
  loadBalancer: loadBalancer?.enabled !== false,
  wireguard: between === 'wireguard',
})

const featureText: Readonly<Record<Feature, string>> = {
  namespaces: 'network and mount namespaces cannot be made (in a container? it must be privileged)',
  bridge: 'the kernel has no bridges (module bridge)',
  veth: 'the kernel has no virtual links (module veth)',
  overlay: 'the kernel cannot mount overlay (module overlay)',
  nftables: 'the kernel does not take nftables rules with address translation (modules nf_tables, nft_nat)',
  bridgeFilter: 'rules do not see packets between pods of one node (module br_netfilter)',
}

const neededControllers = ['cpu', 'cpuset', 'memory', 'pids']
const neededBytes = 2 * 1024 ** 3

/** Decides from the facts what is missing for real nodes and which command mends it. */
export function planPreflight(facts: Facts, uses: Uses = everything): Preflight {
  const missing: Missing[] = []
  const warnings: string[] = []
  const packages = new Set<string>()
  const useful = new Set<string>()
  const installs = isDebian(facts.distributions) && facts.programs.has('apt-get')
  const lack = (what: string, installable = false): void => void missing.push({ what, installable })

  if (facts.platform !== 'linux') {
    lack(`real nodes need Linux, this is ${facts.platform}`)
    return { missing, warnings, packages: [], useful: [] }
  }
  if (!facts.root) lack('real nodes need root')

  const need = (what: string, name: string): void => {
    packages.add(name)
    lack(what, installs)
  }
  for (const [program, name] of Object.entries(packageOf))
    if (!facts.programs.has(program)) need(`${program} is not installed`, name)
  if (!facts.programs.has('crun') && !facts.programs.has('runc')) need('neither crun nor runc is installed', 'runc')
  const version = facts.containerdVersion === undefined ? undefined : parseContainerdVersion(facts.containerdVersion)
  if (version !== undefined && (version.major < 1 || (version.major === 1 && version.minor < 6))) {
    lack(`containerd is ${version.text}, 1.6 or newer is needed`)
  }
  if (!facts.hasNetworkPlugins)
    need('the network plugins bridge, host-local and loopback are not installed', 'containernetworking-plugins')
  if (uses.wireguard) {
    const asked = 'which between "wireguard" needs'
    if (!facts.programs.has('wg')) need(`wg is not installed, ${asked}`, 'wireguard-tools')
    if (facts.hasWireguard === false) {
      if (!facts.hasTun) lack(`the kernel has neither WireGuard nor TUN (/dev/net/tun), one of ${asked}`)
      else if (!facts.programs.has(wireguardProgram))
        need(`the kernel has no WireGuard and ${wireguardProgram} is not installed, one of ${asked}`, wireguardProgram)
      else warnings.push(`the kernel has no WireGuard; ${wireguardProgram} does it instead, slower`)
    }
  }
  for (const { program, packageName, isUsed, without } of usefulPrograms) {
    if (!isUsed(uses) || facts.programs.has(program)) continue
    warnings.push(`${program} is not installed; ${without}`)
    useful.add(packageName)
  }
  if (uses.ingress && facts.programs.has('haproxy')) {
    const problem = haproxyProblem(facts.haproxyVersion)
    if (problem !== undefined) warnings.push(`${problem}; ingresses are served by a slower part of k8ts itself`)
  }

  for (const [feature, present] of Object.entries(facts.features)) {
    if (present !== false) continue
    if (feature === 'bridgeFilter') warnings.push(featureText.bridgeFilter)
    else lack(featureText[feature as Feature])
  }
  if (facts.cgroupVersion === undefined) lack('control groups are not mounted (/sys/fs/cgroup)')
  else {
    const absent = neededControllers.filter((name) => !facts.cgroupControllers.includes(name))
    if (absent.length > 0) lack(`control groups have no controller ${absent.join(', ')}`)
  }
  if (facts.freeBytes < neededBytes)
    lack(`only ${(facts.freeBytes / 1024 ** 3).toFixed(1)} GiB are free on the disk, 2 GiB are needed`)
  for (const collision of facts.collisions)
    lack(`this machine uses addresses of the cluster's ${collision}; choose other ranges`)

  // What is merely useful is named where something must be installed anyhow.
  const names = [...packages, ...useful].toSorted()
  // As root `up` installs by itself.
  const command =
    packages.size > 0 ? installCommand(facts.distributions, facts.root, names) : facts.root ? undefined : 'sudo k8ts up'
  return {
    missing,
    warnings,
    packages: [...packages].toSorted(),
    useful: installs && facts.root ? [...useful].toSorted() : [],
    ...(command === undefined ? {} : { command }),
  }
}

/** Says in a few lines what is missing and what mends it; empty when nothing is. */
export function describePreflight({ missing, command }: Preflight): string {
  if (missing.length === 0) return ''
  const lines = ['Cannot run real nodes on this machine:', ...missing.map(({ what }) => `  - ${what}`)]
  if (command !== undefined) lines.push(`To mend it: ${command}`)
  lines.push('Simulated nodes need none of this: k8ts up --simulated-nodes 3, as another user than root')
  return lines.join('\n')
}

/** The ids of a distribution and of those it is like, from the text of /etc/os-release. */
export function parseDistributions(text: string): string[] {
  const value = (key: string): string => new RegExp(`^${key}=(.*)$`, 'm').exec(text)?.[1]?.replaceAll(/["']/g, '') ?? ''
  return `${value('ID')} ${value('ID_LIKE')}`.split(/\s+/).filter((id) => id !== '')
}

/** What of a cluster's settings decides what is looked at. */
export interface PreflightSettings {
  readonly podRange: string
  readonly serviceRange: string
  readonly between?: Between
}

const withPrograms = [
  ...Object.keys(packageOf),
  ...usefulPrograms.map(({ program }) => program),
  'runc',
  'apt-get',
  'wg',
  wireguardProgram,
]

/** Looks at the machine. What needs root to be tried is left unknown without it; nothing that was tried stays. */
export async function readFacts(
  host: Host,
  dataFolder: string,
  settings: PreflightSettings = { podRange: defaultPodRanges[4], serviceRange: defaultServiceRanges[4] },
  signal?: AbortSignal,
): Promise<Facts> {
  const { platform } = process
  const root = process.getuid?.() === 0
  const programs = new Map<string, string>()
  for (const name of withPrograms) {
    const path = await findProgram(host, name)
    if (path !== undefined) programs.set(name, path)
  }
  const containerd = programs.get('containerd')
  const containerdVersion =
    containerd === undefined
      ? undefined
      : (await host.processes.run([containerd, '--version'], {}, signal)).stdout.trim()
  const cgroups = readCgroups(host)
  return {
    platform,
    kernel: release(),
    root,
    distributions: parseDistributions((await host.files.readText('/etc/os-release')) ?? ''),
    programs,
    containerdVersion,
    haproxyVersion: await haproxyVersion(host, programs.get('haproxy'), signal),
    hasNetworkPlugins: (await findCniPlugins(host)) !== undefined,
    features: await tryFeatures(host, programs, root, signal),
    hasWireguard: settings.between === 'wireguard' && root ? await tryWireguard(host, programs, signal) : undefined,
    hasTun: (await host.files.status('/dev/net/tun')) !== undefined,
    cgroupVersion: cgroups?.version,
    cgroupControllers: cgroups?.controllers ?? [],
    freeBytes: await findFreeBytes(host, dataFolder),
    collisions: await findRangeCollisions(host, programs, settings, signal),
  }
}

function readCgroups(host: Host): { version: 1 | 2; controllers: readonly string[] } | undefined {
  try {
    return { version: host.cgroups.version, controllers: host.cgroups.controllers() }
  } catch {
    return undefined
  }
}

async function findRangeCollisions(
  host: Host,
  programs: ReadonlyMap<string, string>,
  { podRange, serviceRange }: PreflightSettings,
  signal?: AbortSignal,
): Promise<string[]> {
  if (!programs.has('ip')) return []
  const busy = await readBusyRanges(host.ip(), signal, familiesOf(podRange))
  const say = (name: string, text: string): string[] =>
    rangesOf(text).flatMap((range) => findCollisions(range, busy).map((other) => `${name} ${range}: ${other}`))
  return [...say('pod range', podRange), ...say('service range', serviceRange)]
}

/** The folder may not be there yet: the space is that of the nearest one above it. */
async function findFreeBytes(host: Host, folder: string): Promise<number> {
  for (let path = folder; path !== '' && path !== '/'; path = path.slice(0, path.lastIndexOf('/'))) {
    if ((await host.files.status(path)) !== undefined) return (await host.files.space(path)).freeBytes
  }
  return (await host.files.space('/')).freeBytes
}

const tryNothing: Facts['features'] = {
  namespaces: undefined,
  bridge: undefined,
  veth: undefined,
  overlay: undefined,
  nftables: undefined,
  bridgeFilter: undefined,
}

/** Each trial runs in namespaces of its own that vanish with it; trying also makes the kernel load its modules. */
const trials = `
say() { echo "$1=$2"; }
mount -t tmpfs tmpfs /mnt && mkdir /mnt/lower /mnt/upper /mnt/work /mnt/merged &&
  mount -t overlay overlay -o lowerdir=/mnt/lower,upperdir=/mnt/upper,workdir=/mnt/work /mnt/merged && say overlay true || say overlay false
ip link add trial0 type bridge && say bridge true || say bridge false
ip link add trial1 type veth peer name trial2 && say veth true || say veth false
nft -f - <<'END' && say nftables true || say nftables false
table ip trial {
  map endpoints { type ipv4_addr . inet_proto . inet_service . mark : ipv4_addr . inet_service; }
  chain to { dnat ip to ip daddr . meta l4proto . th dport . meta mark map @endpoints; }
  chain post { type nat hook postrouting priority srcnat; ct mark & 0x4000 == 0x4000 masquerade fully-random; }
  chain pick { meta mark set numgen random mod 3; goto to; }
}
END
[ -e /proc/sys/net/bridge/bridge-nf-call-iptables ] && say bridgeFilter true || say bridgeFilter false
say namespaces true
`

async function tryFeatures(
  host: Host,
  programs: ReadonlyMap<string, string>,
  root: boolean,
  signal?: AbortSignal,
): Promise<Facts['features']> {
  if (!root || ['unshare', 'mount', 'ip', 'nft'].some((name) => !programs.has(name))) return tryNothing
  // Not loaded by use, unlike the others; where there are no modules it is built in or absent.
  const modprobe = await findProgram(host, 'modprobe')
  if (modprobe !== undefined) await host.processes.run([modprobe, '--quiet', 'br_netfilter'], {}, signal)
  const result = await host.processes.run(
    ['unshare', '--net', '--mount', '--propagation=private', 'sh', '-c', trials],
    { timeoutMs: 30_000 },
    signal,
  )
  return parseTrials(result.stdout)
}

/** In a network namespace that is gone at once. Apart from the others, because it loads a module that few clusters use. */
async function tryWireguard(
  host: Host,
  programs: ReadonlyMap<string, string>,
  signal?: AbortSignal,
): Promise<boolean | undefined> {
  if (['unshare', 'ip'].some((name) => !programs.has(name))) return undefined
  const trial = ['unshare', '--net', 'ip', 'link', 'add', 'trial', 'type', 'wireguard']
  return (await host.processes.run(trial, { timeoutMs: 30_000 }, signal)).code === 0
}

/** Reads lines of `feature=true`; what is not said has failed, because the shell did not get that far. */
export function parseTrials(text: string): Facts['features'] {
  const said = new Set(text.split('\n'))
  const names = Object.keys(tryNothing) as Feature[]
  const works = Object.fromEntries(names.map((name) => [name, said.has(`${name}=true`)])) as Record<Feature, boolean>
  // Without namespaces nothing else was tried.
  return works.namespaces ? works : { ...tryNothing, namespaces: false }
}

/**
 * A node's answers on its link: the kernel tells whoever asks (ARP, NDP) that an address is here, though the address is none of
 * the node's own, so that nothing but the rules of services is reached through it.
 *
 * The kernel answers for an address only when it would send packets for it out of another link. One is made for that: a bridge
 * without ports, where whatever no rule took ends.
 */
import type { Host } from '#lib/host/host.ts'
import type { Ip } from '#lib/host/netlink.ts'
import { runChecked } from '#lib/host/process.ts'
import { canonicalIp } from '#lib/net/ip.ts'

/** The link behind which the addresses lie. */
export const addressLink = 'k8ts-lb'
const protocol = 89
const nonlocal = 'net.ipv4.ip_nonlocal_bind'

/** What the kernel is told at present. */
export interface NeighbourState {
  /** Addresses with a route of ours. */
  readonly routes: ReadonlySet<string>
  /** Addresses for which it answers, by whosever order. */
  readonly answered: ReadonlySet<string>
}

/** Lines for `ip`, the addresses that were somewhere else before, and those that are somewhere else from now on. */
export interface NeighbourPlan {
  readonly commands: readonly string[]
  readonly arrived: readonly string[]
  readonly gone: readonly string[]
}

const isIpv6 = (address: string): boolean => address.includes(':')

/** Decides how the kernel comes to answer for exactly `wanted` of ours. What others told it stays. */
export function planNeighbours(
  { routes, answered }: NeighbourState,
  wanted: ReadonlySet<string>,
  device: string,
): NeighbourPlan {
  const commands: string[] = []
  const arrived: string[] = []
  const gone: string[] = []
  for (const address of routes) {
    if (wanted.has(address)) continue
    gone.push(address)
    if (answered.has(address)) commands.push(`neigh delete proxy ${address} dev ${device}`)
    commands.push(`route delete ${hostRoute(address)}`)
  }
  for (const address of wanted) {
    if (!routes.has(address)) commands.push(`route replace ${hostRoute(address)}`)
    if (!answered.has(address)) commands.push(`neigh replace proxy ${address} dev ${device}`)
    if (!routes.has(address) || !answered.has(address)) arrived.push(address)
  }
  return { commands, arrived, gone }
}

const hostRoute = (address: string): string =>
  `${address}/${isIpv6(address) ? 128 : 32} dev ${addressLink} protocol ${protocol}`

export interface NeighboursOptions {
  readonly host: Host
  /** The network namespace of the node; our own when absent. */
  readonly namespaceFile?: string
  /** The node's own address: its link is where answers are given. */
  readonly nodeAddress: string
  /** Blocks of the pool to which the node's link has no way by itself. */
  readonly blocksBeside: readonly string[]
  /** Makes neighbours that we can reach forget where an address was. */
  readonly forget?: (addresses: readonly string[], signal: AbortSignal) => Promise<void>
  readonly report?: (problem: string, error: unknown) => void
}

/** So many neighbours are told of at once. */
const atOnce = 16

/** Tells the kernel for which addresses it answers, and neighbours that they are here now. */
export class Neighbours {
  readonly #options: NeighboursOptions
  readonly #ip: Ip

  constructor(options: NeighboursOptions) {
    this.#options = options
    this.#ip = options.host.ip(options.namespaceFile)
  }

  /** Answers for exactly these addresses. Returns those that arrived. */
  async apply(wanted: ReadonlySet<string>, signal: AbortSignal): Promise<readonly string[]> {
    const isPresent = (await this.#readLinks(signal)).some(({ ifname }) => ifname === addressLink)
    if (wanted.size === 0 && !isPresent) return []
    const device = await this.#prepare(wanted, isPresent, signal)
    const { commands, arrived, gone } = planNeighbours(await this.#readState(device, signal), wanted, device)
    await this.#ip.batch(commands, signal)
    // Who asked while the next node answered already and this one still did may have heard this one last.
    if (gone.length > 0) await this.#forget(gone, signal)
    if (arrived.length > 0) await this.#tell(arrived, device, signal)
    return arrived
  }

  /** Answers for none any more; nothing of ours is left. */
  async clear(): Promise<void> {
    const signal = new AbortController().signal
    const links = await this.#readLinks(signal)
    if (!links.some(({ ifname }) => ifname === addressLink)) return
    const device = findDevice(links, this.#options.nodeAddress)
    if (device !== undefined) {
      const { commands } = planNeighbours(await this.#readState(device, signal), new Set(), device)
      await this.#ip.attempt(commands)
    }
    await this.#ip.attempt([`link delete ${addressLink}`])
  }

  #readLinks(signal: AbortSignal): Promise<readonly Readonly<Record<string, unknown>>[]> {
    return this.#ip.show(['address', 'show'], signal)
  }

  /** The link on which to answer, made ready for it. */
  async #prepare(wanted: ReadonlySet<string>, isPresent: boolean, signal: AbortSignal): Promise<string> {
    const { nodeAddress, blocksBeside } = this.#options
    const device = findDevice(await this.#readLinks(signal), nodeAddress)
    if (device === undefined)
      throw new Error(`Cannot answer for addresses of load balancers: no link has the node's address ${nodeAddress}`)
    if (!isPresent)
      await this.#ip.batch(
        [`link add ${addressLink} type bridge`, `link set ${addressLink} addrgenmode none up`],
        signal,
      )
    await this.#ip.batch(
      blocksBeside.map((block) => `route replace ${block} dev ${device} protocol ${protocol}`),
      signal,
    )
    // Answers for others wait up to 0.8 s as the kernel comes, so that the owner is first; here nobody else answers.
    const settings = [`net.ipv4.neigh.${device}.proxy_delay=0`]
    if ([...wanted].some(isIpv6))
      settings.push(`net.ipv6.conf.${device}.proxy_ndp=1`, `net.ipv6.neigh.${device}.proxy_delay=0`)
    await this.#run(['sysctl', '-qw', ...settings], signal)
    return device
  }

  async #readState(device: string, signal: AbortSignal): Promise<NeighbourState> {
    const found = { routes: new Set<string>(), answered: new Set<string>() }
    for (const family of ['-4', '-6']) {
      for (const { dst, dev } of await this.#ip.show([family, 'neigh', 'show', 'proxy'], signal)) {
        const address = canonicalIp(String(dst))
        if (address !== undefined && dev === device) found.answered.add(address)
      }
      for (const { dst, protocol: by } of await this.#ip.show([family, 'route', 'show', 'dev', addressLink], signal)) {
        const address = canonicalIp(String(dst))
        if (address !== undefined && by === String(protocol)) found.routes.add(address)
      }
    }
    return found
  }

  async #forget(addresses: readonly string[], signal: AbortSignal): Promise<void> {
    const { forget, report } = this.#options
    try {
      await forget?.(addresses, signal)
    } catch (error) {
      if (!signal.aborted) report?.('Neighbours that are in reach are not made to forget where addresses were', error)
    }
  }

  /** Neighbours that remember where an address was learn that it moved; one that does not hear it finds out later by itself. */
  async #tell(addresses: readonly string[], device: string, signal: AbortSignal): Promise<void> {
    const { report } = this.#options
    await this.#forget(addresses, signal)
    try {
      const isLenient = await this.#run(['sysctl', '-n', nonlocal], signal)
      // A sender must have the address that it tells of, unless the kernel is told otherwise.
      await this.#run(['sysctl', '-qw', `${nonlocal}=1`], signal)
      try {
        for (let from = 0; from < addresses.length; from += atOnce) {
          const some = addresses.slice(from, from + atOnce)
          const tell = (address: string): Promise<unknown> =>
            isIpv6(address)
              ? this.#tellIpv6(address, device, signal)
              : this.#run(['arping', '-U', '-c', '2', '-w', '2', '-I', device, '-s', address, address], signal)
          await Promise.all(some.map(tell))
        }
      } finally {
        await this.#run(['sysctl', '-qw', `${nonlocal}=${isLenient.trim()}`], signal)
      }
    } catch (error) {
      if (!signal.aborted)
        report?.('Neighbours are not told where addresses are and find out later by themselves', error)
    }
  }

  /** The kernel tells of an address once it has found that nobody else has it; it is here for just that long. */
  async #tellIpv6(address: string, device: string, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options.host
    await this.#run(['sysctl', '-qw', `net.ipv6.conf.${device}.ndisc_notify=1`], signal)
    await this.#ip.attempt([`address add ${address}/128 dev ${device} preferred_lft 0`], signal)
    try {
      for (let tries = 0; tries < 30 && (await this.#isTentative(address, device, signal)); tries++)
        await clock.sleep(100, signal)
    } finally {
      await this.#ip.attempt([`address delete ${address}/128 dev ${device}`])
    }
  }

  async #isTentative(address: string, device: string, signal: AbortSignal): Promise<boolean> {
    const [link] = await this.#ip.show(['-6', 'address', 'show', 'dev', device], signal)
    const infos = (link?.addr_info ?? []) as readonly { readonly local?: string; readonly tentative?: boolean }[]
    return infos.some(({ local, tentative }) => local === address && tentative === true)
  }

  async #run(command: readonly string[], signal: AbortSignal): Promise<string> {
    const { host, namespaceFile } = this.#options
    const inside = namespaceFile === undefined ? command : ['nsenter', `--net=${namespaceFile}`, ...command]
    return runChecked(host.processes, inside, {}, signal)
  }
}

function findDevice(links: readonly Readonly<Record<string, unknown>>[], nodeAddress: string): string | undefined {
  const link = links.find(({ addr_info: infos }) =>
    ((infos ?? []) as readonly { readonly local?: string }[]).some(({ local }) => local === nodeAddress),
  )
  return link?.ifname as string | undefined
}

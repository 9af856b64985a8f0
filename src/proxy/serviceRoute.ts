/** A node's own connections to services: the kernel looks for a route before the rules change where a packet goes. */
import type { Ip } from '#lib/host/netlink.ts'
import { CommandError } from '#lib/host/process.ts'
import { addressAt, cidrSize, parseCidr } from '#lib/net/cidr.ts'
import { formatIp, parseIp, isLoopback, isLinkLocal } from '#lib/net/ip.ts'

/** Routes for ranges of service addresses, while there are these ranges. */
export class ServiceRoutes {
  readonly #ip: Ip
  /** Those that were added here, by range. */
  readonly #added = new Map<string, string>()

  constructor(ip: Ip) {
    this.#ip = ip
  }

  /** Adds a route for each range to which there is none yet, where a default route is enough; takes away what no range needs. */
  async sync(ranges: readonly string[], signal?: AbortSignal): Promise<void> {
    for (const [range, route] of this.#added) {
      if (ranges.includes(range)) continue
      // Who has taken it away already has done the same.
      await this.#ip.attempt([`route delete ${route}`], signal)
      this.#added.delete(range)
    }
    for (const text of ranges) {
      const range = parseCidr(text)
      if (range === undefined) throw new TypeError(`Cannot route services: "${text}" is not an address range`)
      // The first addresses may be on the node itself.
      const probe = formatIp(addressAt(range, cidrSize(range) - 2n > 0n ? cidrSize(range) - 2n : 0n))
      if (await hasRoute(this.#ip, probe, signal)) continue
      const links = await this.#ip.show(['address', 'show', 'up'], signal)
      const source = findSource(links, range.family)
      if (source === undefined) continue
      // Nothing answers there: a packet that no rule takes ends with "host unreachable".
      const route = `${text} dev ${source.device} src ${source.address}`
      await this.#ip.batch([`route add ${route}`], signal)
      this.#added.set(text, route)
    }
  }
}

async function hasRoute(ip: Ip, address: string, signal: AbortSignal | undefined): Promise<boolean> {
  try {
    await ip.show(['route', 'get', address], signal)
    return true
  } catch (error) {
    if (error instanceof CommandError && error.result !== undefined) return false
    throw error
  }
}

/** The first address of a link that is no bridge of pods and not the loopback, which may have addresses of services (the DNS server's). */
function findSource(links: readonly Readonly<Record<string, unknown>>[], family: 4 | 6) {
  for (const link of links) {
    const { ifname, link_type: type, addr_info: addresses, linkinfo } = link as LinkAnswer
    if (type === 'loopback' || linkinfo?.info_kind === 'bridge') continue
    for (const { local = '' } of addresses ?? []) {
      const ip = parseIp(local)
      if (ip === undefined || ip.length !== (family === 4 ? 4 : 16) || isLoopback(ip) || isLinkLocal(ip)) continue
      return { device: ifname!, address: local }
    }
  }
  return undefined
}

interface LinkAnswer {
  readonly ifname?: string
  readonly link_type?: string
  readonly addr_info?: readonly { readonly local?: string }[]
  readonly linkinfo?: { readonly info_kind?: string }
}

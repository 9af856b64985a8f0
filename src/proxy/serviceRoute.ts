/** A node's own connections to services: the kernel looks for a route before the rules change where a packet goes. */
import type { Ip } from '#lib/host/netlink.ts'
import { CommandError } from '#lib/host/process.ts'
import { addressAt, cidrSize, formatCidr, parseCidr } from '#lib/net/cidr.ts'
import { formatIp, parseIp, isLoopback, isLinkLocal } from '#lib/net/ip.ts'

/** The routing protocol number that marks these routes, by which an agent knows those of the one before it. */
export const serviceRouteProtocol = 90

/** Routes for ranges of service addresses, while there are these ranges. */
export class ServiceRoutes {
  readonly #ip: Ip
  readonly #families: readonly (4 | 6)[]
  /** Those that are ours, by range; unknown before the kernel was asked. */
  #added: Map<string, string> | undefined

  constructor(ip: Ip, families: readonly (4 | 6)[]) {
    this.#ip = ip
    this.#families = families
  }

  /** Adds a route for each range to which there is none yet, where a default route is enough; takes away what no range needs. */
  async sync(ranges: readonly string[], signal?: AbortSignal): Promise<void> {
    const added = (this.#added ??= await this.#find(signal))
    for (const [range, route] of added) {
      if (ranges.some((wanted) => canonicalRange(wanted) === range)) continue
      // Who has taken it away already has done the same.
      await this.#ip.attempt([`route delete ${route}`], signal)
      added.delete(range)
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
      const route = routeText(formatCidr(range), source.device, source.address)
      await this.#ip.batch([`route add ${route}`], signal)
      added.set(formatCidr(range), route)
    }
  }

  /** What an agent that was here before has left. */
  async #find(signal: AbortSignal | undefined): Promise<Map<string, string>> {
    const found = new Map<string, string>()
    for (const family of this.#families) {
      const words = [`-${family}`, 'route', 'show', 'protocol', String(serviceRouteProtocol)]
      for (const { dst, dev, prefsrc } of await this.#ip.show(words, signal)) {
        const range = canonicalRange(String(dst))
        if (range !== undefined) found.set(range, routeText(range, String(dev), String(prefsrc)))
      }
    }
    return found
  }
}

const routeText = (range: string, device: string, source: string): string =>
  `${range} dev ${device} src ${source} protocol ${serviceRouteProtocol}`

/** A range as it is always written; `ip` leaves the length out where it is the whole address. */
function canonicalRange(text: string): string | undefined {
  const whole = text.includes('/') ? text : `${text}/${text.includes(':') ? 128 : 32}`
  const range = parseCidr(whole)
  return range === undefined ? undefined : formatCidr(range)
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

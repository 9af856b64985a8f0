import type { Ip } from '#lib/host/netlink.ts'
import { canonicalIp, isLinkLocal, parseIp } from '#lib/net/ip.ts'

/** The addresses of a node's links at which others can reach it by the address alone. */
export async function readAddresses(ip: Ip, signal?: AbortSignal): Promise<readonly string[]> {
  const links = (await ip.show(['address', 'show'], signal)) as readonly {
    readonly addr_info?: readonly { readonly local?: string }[]
  }[]
  return links.flatMap(({ addr_info: addresses = [] }) =>
    addresses.flatMap(({ local = '' }) => {
      const address = canonicalIp(local)
      return address === undefined || isLinkLocal(parseIp(address)!) ? [] : [address]
    }),
  )
}

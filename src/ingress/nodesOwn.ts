import { isLinkLocal, isLoopback, isUnspecified, parseIp } from '#lib/net/ip.ts'

/** Whether a host can only be the node itself or its neighbour on the wire, as metadata services are. */
export function isNodesOwn(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '').replace(/\.$/, '')
  const ip = parseIp(bare)
  if (ip !== undefined) return isLoopback(ip) || isLinkLocal(ip) || isUnspecified(ip)
  // Numbers in other forms are addresses to some resolvers.
  return bare === 'localhost' || bare.endsWith('.localhost') || /^(0x[0-9a-f]+|\d+)(\.(0x[0-9a-f]+|\d+))*$/.test(bare)
}

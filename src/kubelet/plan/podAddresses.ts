const isIpv6 = (address: string): boolean => address.includes(':')

/**
 * The addresses of a pod as they are told: the first of the family of the node's first address, then the first of the other
 * one. The runtime has them in any order and number.
 */
export function orderPodAddresses(addresses: readonly string[], nodeAddresses: readonly string[]): readonly string[] {
  const [node] = nodeAddresses
  if (node === undefined) return addresses
  const firstOf = (ofNode: boolean): string | undefined =>
    addresses.find((address) => (isIpv6(address) === isIpv6(node)) === ofNode)
  return [firstOf(true), firstOf(false)].filter((address) => address !== undefined)
}

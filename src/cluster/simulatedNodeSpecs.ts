import { addressAt, formatCidr, parseCidr, subnetAt } from '#lib/net/cidr.ts'
import { formatIp } from '#lib/net/ip.ts'
import type { SimulatedNodeSpec } from '#simulation/simulatedNode.ts'

/**
 * Nothing is ever sent to a simulated node or its pods; their addresses are there to be looked at, so they come from
 * ranges that no cluster routes: nodes from the shared address space (RFC 6598), pods from the upper half of 10/8, where
 * there is a /24 for each of 32,768 nodes.
 */
const nodeAddresses = parseCidr('100.64.0.0/10')!
const podAddresses = parseCidr('10.128.0.0/9')!
const prefixOfNode = 24

/** `simulated`, `simulated2` and so on. */
export function simulatedNodeSpecs(count: number): readonly SimulatedNodeSpec[] {
  return Array.from({ length: count }, (_, index) => ({
    name: index === 0 ? 'simulated' : `simulated${index + 1}`,
    address: formatIp(addressAt(nodeAddresses, index + 1)),
    podCidrs: [formatCidr(subnetAt(podAddresses, prefixOfNode, index))],
  }))
}

/**
 * Where the API server is said to be when it listens on a loopback address, which may not stand in Endpoints: the last
 * address of the range of simulated nodes. Only simulated pods could ever ask for it.
 */
export const simulatedServerAddress = formatIp(addressAt(nodeAddresses, 2 ** 22 - 2))

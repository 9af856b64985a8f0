import { ttlSeconds } from '#controllers/nodeTtl/plan.ts'
import { addressAt, cidrOf, parseCidr, subnetAt, formatCidr } from '#lib/net/cidr.ts'
import { formatIp } from '#lib/net/ip.ts'
import type { SimulatedNodeSpec } from './simulatedNode.ts'

export interface SimulatedNodeSpecsOptions extends Omit<
  SimulatedNodeSpec,
  'name' | 'address' | 'podCidrs' | 'ttlSeconds'
> {
  readonly count: number
  /** Number of the first one; 1 unless told. */
  readonly from?: number
  /** What the number is put behind; `simulated-` unless told. */
  readonly prefix?: string
  /** `none`: a controller of the cluster gives blocks to nodes. Unless told, each has its own /24 of 100.64.0.0/10. */
  readonly podBlocks?: 'own' | 'none'
}

/** Addresses for measurements between networks (RFC 2544): nobody has a real machine there. */
const nodeBlock = cidrOf(Uint8Array.of(198, 18, 0, 0), 15)
/** Shared address space (RFC 6598), far from the ranges of real pods; it has 16,384 blocks. */
const podBlock = parseCidr('100.64.0.0/10')!
const podPrefix = 24

/**
 * Where an API server is said to be that listens on a loopback address, which may not stand in Endpoints: the last address
 * of the range of simulated nodes. Only simulated pods could ever ask for it.
 */
export const simulatedServerAddress = formatIp(addressAt(nodeBlock, 2 ** (32 - nodeBlock.prefix) - 2))

/** Describes nodes that are alike, with names and addresses of their own: `simulated-1`, `simulated-2`, … */
export function simulatedNodeSpecs(options: SimulatedNodeSpecsOptions): readonly SimulatedNodeSpec[] {
  const { count, from = 1, prefix = 'simulated-', podBlocks = 'own', ...common } = options
  const most = 2 ** (podPrefix - podBlock.prefix) - 1
  if (count < 0 || from < 1 || from + count - 1 > most) {
    throw new RangeError(
      `Cannot describe simulated nodes ${from} to ${from + count - 1}: there are numbers from 1 to ${most}`,
    )
  }
  const ttl = ttlSeconds(from + count - 1, 0)
  return Array.from({ length: count }, (_, index) => ({
    ...common,
    name: `${prefix}${from + index}`,
    address: formatIp(addressAt(nodeBlock, from + index)),
    ttlSeconds: ttl,
    ...(podBlocks === 'none' ? {} : { podCidrs: [formatCidr(subnetAt(podBlock, podPrefix, from + index))] }),
  }))
}

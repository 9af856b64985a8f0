/** Where the addresses of load balancers come from in a cluster on one machine. */
import { addressAt, cidrContains, cidrsOverlap, parseCidr, type Cidr } from '#lib/net/cidr.ts'
import { formatIp, ipBytes } from '#lib/net/ip.ts'
import { formatPool, parsePool, poolBlocks, poolHas, type Pool } from '#loadBalancer/pool.ts'
import { routeProtocol, type ClusterLayout } from '#cluster/place/layout.ts'
import { rangesOf } from '#cluster/place/ranges.ts'
import { addressesOf, type ClusterRecord } from './record.ts'

/** What is wrong with the text of a pool; undefined when nothing is. */
export function poolProblem(text: string): string | undefined {
  const pool = parsePool(text)
  return typeof pool === 'string' ? pool : undefined
}

/** The usual pool lies at this end of the nodes' range, where further nodes come last. */
const firstUsual = 200
const lastUsual = 250

/** The addresses for load balancers; undefined when the cluster gives none. */
export function loadBalancerPool({ config, nodeRange, nodes }: ClusterRecord): Pool | undefined {
  const { enabled = true, pool } = config.loadBalancer ?? {}
  if (!enabled) return undefined
  if (pool !== undefined) return readPool(pool)
  // Where nodes are only simulated there is nothing to reach.
  if (nodeRange === undefined) return undefined
  const taken = new Set(nodes.flatMap(addressesOf))
  const usual = rangesOf(nodeRange).map((text) => {
    const range = parseCidr(text)!
    let first = firstUsual
    while (taken.has(formatIp(addressAt(range, first)))) first++
    return `${formatIp(addressAt(range, first))}-${formatIp(addressAt(range, lastUsual))}`
  })
  return readPool(usual.join(','))
}

function readPool(text: string): Pool {
  const pool = parsePool(text)
  if (typeof pool === 'string') throw new TypeError(`Cannot use the pool ${JSON.stringify(text)}: ${pool}`)
  return pool
}

/**
 * The blocks of a cluster's pool that lie beside the nodes' range: the way to them must be told. Throws when an address of the
 * pool is used for something else.
 */
export function blocksBeside(record: ClusterRecord): readonly string[] {
  const { config, nodeRange, nodes } = record
  const pool = loadBalancerPool(record)
  if (pool === undefined || nodeRange === undefined) return []
  const ranges = rangesOf(nodeRange).map((text) => parseCidr(text)!)
  // The host, the nodes, and the address behind which services lie.
  const taken = ranges.flatMap((range) => [1, 254].map((index) => formatIp(addressAt(range, index))))
  for (const address of [...taken, ...nodes.flatMap(addressesOf)]) {
    if (poolHas(pool, ipBytes(address)))
      throw new TypeError(`Cannot use ${formatPool(pool)} for load balancers: the cluster itself uses ${address}`)
  }
  return poolBlocks(pool).filter((text) => {
    const block = parseCidr(text)!
    for (const other of [...rangesOf(config.podRange), ...rangesOf(config.serviceRange)]) {
      if (cidrsOverlap(block, parseCidr(other)!))
        throw new TypeError(`Cannot use ${formatPool(pool)} for load balancers: it overlaps ${other}`)
    }
    // Links have no addresses of a family that the nodes lack.
    return ranges.some(({ family }) => family === block.family) && !ranges.some((range) => isInside(block, range))
  })
}

const isInside = (block: Cidr, range: Cidr): boolean => block.prefix >= range.prefix && cidrContains(range, block.base)

/** The `ip` commands by which the host reaches blocks through its link to the cluster, and in no other way. */
export function planPoolRoutes(layout: ClusterLayout, blocks: readonly string[]): readonly string[] {
  return blocks.flatMap((block) => [
    `route replace unreachable ${block} metric ${layout.barrierMetric} protocol ${routeProtocol}`,
    `route replace ${block} dev ${layout.hostLink} metric ${layout.podRouteMetric} protocol ${routeProtocol}`,
  ])
}

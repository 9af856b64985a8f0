import type { ServiceSpec } from '#api/core/v1/service.ts'
import { cidrContains, formatCidr, parseCidrs } from '#lib/net/cidr.ts'
import { formatIp, parseIp } from '#lib/net/ip.ts'
import { IpRange, reservedAddresses } from '#lib/net/ipRange.ts'
import type { Random } from '#lib/random.ts'
import type { Report } from '#machinery/validate/report.ts'
import type { Allocation } from '#server/strategy.ts'
import { familyOfAddress, type ClusterFamilies, type IpFamily } from './families.ts'

/** Hands out the cluster addresses of services. */
export interface AddressAllocator {
  /** The families of which there are addresses, the primary one first. */
  readonly families: ClusterFamilies
  /**
   * Reserves what `spec` asks for, or any address, for each of its families, and writes it into `spec`; what is not to be had
   * goes into the report.
   */
  allocate(spec: ServiceSpec, old: ServiceSpec | undefined, random: Random, report: Report): Allocation
  adopt(spec: ServiceSpec): void
  release(spec: ServiceSpec): void
}

/** An allocator over one block, or one of each family, with nothing in use yet. */
export function addressAllocator(blocks: string): AddressAllocator {
  const cidrs = parseCidrs(blocks)
  if (cidrs === undefined)
    throw new RangeError(
      `Cannot hand out service addresses: "${blocks}" is not a block such as 10.96.0.0/12, or one of each family`,
    )
  const ranges = new Map<IpFamily, IpRange>(
    cidrs.map((cidr) => [`IPv${cidr.family}`, new IpRange(cidr, { reserve: reservedAddresses(cidr) })]),
  )
  const families = [...ranges.keys()] as unknown as ClusterFamilies
  /** Nothing where a cluster no longer has the family. */
  const rangeOf = (address: string): IpRange | undefined => ranges.get(familyOfAddress(address))
  const free = (addresses: readonly string[]): void => {
    for (const address of addresses) rangeOf(address)?.release(parseIp(address)!)
  }

  return {
    families,
    allocate(spec, old, random, report) {
      const before = addressesOf(old)
      const wanted = addressesOf(spec)
      const given = before.filter((address) => !wanted.includes(address))
      const taken: string[] = []
      if (needsAddress(spec)) {
        for (const address of wanted) {
          if (before.includes(address)) continue
          const problem = take(address)
          if (problem === undefined) taken.push(address)
          else report.at('spec', 'clusterIPs').invalid(spec.clusterIPs, `failed to allocate IP ${address}: ${problem}`)
        }
        for (const family of (spec.ipFamilies ?? [families[0]]).slice(wanted.length)) {
          const address = ranges.get(family as IpFamily)?.takeNext(random)
          if (address === undefined) {
            report.problem('InternalError', `failed to allocate a serviceIP: range is full`)
            break
          }
          spec.clusterIPs = [...(spec.clusterIPs ?? []), formatIp(address)]
          spec.clusterIP = spec.clusterIPs[0]!
          taken.push(formatIp(address))
        }
      }
      return { commit: () => free(given), release: () => free(taken) }
    },
    adopt(spec) {
      for (const address of addressesOf(spec)) rangeOf(address)?.take(parseIp(address)!)
    },
    release: (spec) => free(addressesOf(spec)),
  }

  function take(address: string): string | undefined {
    const range = rangeOf(address)
    if (range === undefined) return `${familyOfAddress(address)} is not configured on this cluster`
    const ip = parseIp(address)!
    switch (range.take(ip)) {
      case 'free':
        return undefined
      case 'taken':
        return 'provided IP is already allocated'
      case 'outside':
        return cidrContains(range.cidr, ip)
          ? `the provided IP (${address}) is reserved in the range ${formatCidr(range.cidr)}`
          : `the provided IP (${address}) is not in the valid range. The range of valid IPs is ${formatCidr(range.cidr)}`
    }
  }
}

function needsAddress({ type, clusterIP }: ServiceSpec): boolean {
  return type !== 'ExternalName' && clusterIP !== 'None'
}

/** The cluster addresses of a service, without the word that says it has none. */
function addressesOf(spec: ServiceSpec | undefined): readonly string[] {
  if (spec === undefined || spec.type === 'ExternalName') return []
  return (spec.clusterIPs ?? []).filter(
    (address) => address !== '' && address !== 'None' && parseIp(address) !== undefined,
  )
}

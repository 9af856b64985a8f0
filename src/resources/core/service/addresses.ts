import type { ServiceSpec } from '#api/core/v1/service.ts'
import { cidrContains, formatCidr, parseCidr } from '#lib/net/cidr.ts'
import { formatIp, parseIp } from '#lib/net/ip.ts'
import { IpRange, reservedAddresses } from '#lib/net/ipRange.ts'
import type { Random } from '#lib/random.ts'
import type { Report } from '#machinery/validate/report.ts'
import type { Allocation } from '#server/strategy.ts'

/** Hands out the cluster addresses of services. */
export interface AddressAllocator {
  /** Reserves what `spec` asks for, or any address, and writes it into `spec`; what is not to be had goes into the report. */
  allocate(spec: ServiceSpec, old: ServiceSpec | undefined, random: Random, report: Report): Allocation
  adopt(spec: ServiceSpec): void
  release(spec: ServiceSpec): void
}

/** An allocator over one block, with nothing in use yet. */
export function addressAllocator(block: string): AddressAllocator {
  const cidr = parseCidr(block)
  if (cidr === undefined)
    throw new RangeError(`Cannot hand out service addresses: "${block}" is not a block such as 10.96.0.0/12`)
  const range = new IpRange(cidr, { reserve: reservedAddresses(cidr) })

  return {
    allocate(spec, old, random, report) {
      const before = addressesOf(old)
      const wanted = addressesOf(spec)
      const given = before.filter((address) => !wanted.includes(address))
      const taken: string[] = []
      if (needsAddress(spec)) {
        if (wanted.length === 0) {
          const address = range.takeNext(random)
          if (address === undefined) {
            report.problem('InternalError', `failed to allocate a serviceIP: range is full`)
          } else {
            spec.clusterIP = formatIp(address)
            spec.clusterIPs = [spec.clusterIP]
            taken.push(spec.clusterIP)
          }
        }
        for (const address of wanted) {
          if (before.includes(address)) continue
          const ip = parseIp(address)
          const problem = ip === undefined ? undefined : problemOf(range.take(ip), address)
          if (problem === undefined) taken.push(address)
          else report.at('spec', 'clusterIPs').invalid(spec.clusterIPs, `failed to allocate IP ${address}: ${problem}`)
        }
      }
      const free = (addresses: readonly string[]): void => {
        for (const address of addresses) range.release(parseIp(address)!)
      }
      return { commit: () => free(given), release: () => free(taken) }
    },
    adopt(spec) {
      for (const address of addressesOf(spec)) range.take(parseIp(address)!)
    },
    release(spec) {
      for (const address of addressesOf(spec)) range.release(parseIp(address)!)
    },
  }

  function problemOf(outcome: 'taken' | 'free' | 'outside', address: string): string | undefined {
    switch (outcome) {
      case 'free':
        return undefined
      case 'taken':
        return 'provided IP is already allocated'
      case 'outside':
        return cidrContains(cidr!, parseIp(address)!)
          ? `the provided IP (${address}) is reserved in the range ${formatCidr(cidr!)}`
          : `the provided IP (${address}) is not in the valid range. The range of valid IPs is ${formatCidr(cidr!)}`
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

import type { ServiceSpec } from '#api/core/v1/service.ts'
import { parseIp } from '#lib/net/ip.ts'
import type { Random } from '#lib/random.ts'
import type { Report } from '#machinery/validate/report.ts'
import type { Allocation } from '#server/strategy.ts'
import type { AddressSpace } from './addressSpace.ts'
import type { ClusterFamilies, IpFamily } from './families.ts'

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

/** An allocator over the addresses of a cluster. */
export function addressAllocator(space: AddressSpace): AddressAllocator {
  const free = (addresses: readonly string[]): void => {
    for (const address of addresses) space.release(address)
  }
  return {
    families: space.families,
    allocate(spec, old, random, report) {
      const before = addressesOf(old)
      const wanted = addressesOf(spec)
      const given = before.filter((address) => !wanted.includes(address))
      const taken: string[] = []
      if (needsAddress(spec)) {
        for (const address of wanted) {
          if (before.includes(address)) continue
          const problem = space.take(address)
          if (problem === undefined) taken.push(address)
          else report.at('spec', 'clusterIPs').invalid(spec.clusterIPs, `failed to allocate IP ${address}: ${problem}`)
        }
        for (const family of (spec.ipFamilies ?? [space.families[0]]).slice(wanted.length)) {
          const address = space.takeNext(family as IpFamily, random)
          if (address === undefined) {
            report.problem('InternalError', `failed to allocate a serviceIP: range is full`)
            break
          }
          spec.clusterIPs = [...(spec.clusterIPs ?? []), address]
          spec.clusterIP = spec.clusterIPs[0]!
          taken.push(address)
        }
      }
      return { commit: () => free(given), release: () => free(taken) }
    },
    adopt(spec) {
      for (const address of addressesOf(spec)) space.adopt(address)
    },
    release: (spec) => free(addressesOf(spec)),
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

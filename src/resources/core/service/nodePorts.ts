import type { ServicePort, ServiceSpec } from '#api/core/v1/service.ts'
import { Bitmap } from '#lib/net/bitmap.ts'
import type { Random } from '#lib/random.ts'
import type { Report } from '#machinery/validate/report.ts'
import { hasHealthPort } from './rules.ts'
import type { Allocation } from '#server/strategy.ts'

/** Hands out the ports that nodes open for services. */
export interface NodePortAllocator {
  allocate(spec: ServiceSpec, old: ServiceSpec | undefined, random: Random, report: Report): Allocation
  adopt(spec: ServiceSpec): void
  release(spec: ServiceSpec): void
}

/** An allocator for the ports from `first` to `last`. A number is one for all protocols, unless one service has them all. */
export function nodePortAllocator([first, last]: readonly [number, number]): NodePortAllocator {
  const size = last - first + 1
  // KEP-3668: the low ports are for people who choose one themselves.
  const bitmap = new Bitmap(size, Math.min(128, Math.max(0, Math.floor(size / 32))))
  const inRange = (port: number): boolean => port >= first && port <= last
  const free = (ports: Iterable<number>): void => {
    for (const port of ports) if (inRange(port)) bitmap.release(port - first)
  }

  return {
    allocate(spec, old, random, report) {
      const before = new Set(portsOf(old))
      const taken = new Set<number>()
      if (opensNodePorts(spec)) {
        for (const [index, port] of (spec.ports ?? []).entries()) {
          const wanted = port.nodePort ?? 0
          if (wanted === 0 || before.has(wanted) || taken.has(wanted)) continue
          const place = report.at('spec', 'ports', index, 'nodePort')
          if (!inRange(wanted)) {
            place.invalid(
              wanted,
              `provided port is not in the valid range. The range of valid ports is ${first}-${last}`,
            )
          } else if (!bitmap.take(wanted - first)) place.invalid(wanted, 'provided port is already allocated')
          else taken.add(wanted)
        }
        for (const [index, port] of (spec.ports ?? []).entries()) {
          if ((port.nodePort ?? 0) !== 0) continue
          const shared = sameNumber(spec.ports ?? [], port)
          const chosen = shared ?? bitmap.takeNext(random)
          if (chosen === undefined) {
            report
              .at('spec', 'ports', index, 'nodePort')
              .problem('InternalError', 'failed to allocate a nodePort: range is full')
            continue
          }
          port.nodePort = shared ?? chosen + first
          if (shared === undefined) taken.add(port.nodePort)
        }
      }
      if (hasHealthPort(spec)) {
        const wanted = spec.healthCheckNodePort ?? 0
        const place = report.at('spec', 'healthCheckNodePort')
        if (wanted === 0) {
          const chosen = bitmap.takeNext(random)
          if (chosen === undefined) {
            place.problem('InternalError', 'failed to allocate a HealthCheck NodePort 0: range is full')
          } else taken.add((spec.healthCheckNodePort = chosen + first))
        } else if (!before.has(wanted)) {
          const why = inRange(wanted)
            ? 'provided port is already allocated'
            : `provided port is not in the valid range. The range of valid ports is ${first}-${last}`
          if (inRange(wanted) && bitmap.take(wanted - first)) taken.add(wanted)
          else place.problem('InternalError', `failed to allocate requested HealthCheck NodePort ${wanted}: ${why}`)
        }
      }
      const now = new Set(portsOf(spec))
      const givenUp = [...before].filter((port) => !now.has(port))
      return { commit: () => free(givenUp), release: () => free(taken) }
    },
    adopt(spec) {
      for (const port of portsOf(spec)) if (inRange(port)) bitmap.take(port - first)
    },
    release: (spec) => free(new Set(portsOf(spec))),
  }
}

/** The node port of another entry for the same port by another protocol: DNS listens on TCP and UDP under one number. */
function sameNumber(ports: readonly ServicePort[], port: ServicePort): number | undefined {
  return ports.find(
    (one) => one !== port && one.port === port.port && one.protocol !== port.protocol && (one.nodePort ?? 0) !== 0,
  )?.nodePort
}

function portsOf(spec: ServiceSpec | undefined): readonly number[] {
  const own = spec !== undefined && hasHealthPort(spec) ? (spec.healthCheckNodePort ?? 0) : 0
  return [...(spec?.ports ?? []).map(({ nodePort = 0 }) => nodePort), own].filter((port) => port !== 0)
}

/** Whether services of this type open a port on every node. */
export function opensNodePorts({ type, allocateLoadBalancerNodePorts }: ServiceSpec): boolean {
  return type === 'NodePort' || (type === 'LoadBalancer' && allocateLoadBalancerNodePorts !== false)
}

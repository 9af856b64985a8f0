import type { Clock } from '#lib/clock.ts'
import type { Host } from '#lib/host/host.ts'
import type { Logger } from '#lib/log.ts'
import type { Random } from '#lib/random.ts'
import type { DataPlane, ListenAddresses } from './routing.ts'

/** What data planes are started with. */
export interface DataPlaneOptions {
  readonly listen: ListenAddresses
  readonly host: Host
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  /** A folder for nobody else, which need not be there. */
  readonly folder: string
  /** Name servers that know the servers of external authentication, those of the cluster among them. */
  readonly nameServers: readonly string[]
  /** Told when it has ended although nobody asked it to; what it served is served no more. */
  readonly onEnd: (error: Error) => void
}

/** A kind of data plane. */
export interface DataPlaneMaker {
  readonly kind: DataPlane['kind']
  /** Whether it can run here. */
  isAvailable(host: Host): Promise<boolean>
  /** Starts one that listens; before the first routing every answer is 503. */
  start(options: DataPlaneOptions, signal: AbortSignal): Promise<DataPlane>
}

/** Starts the first that can run here. */
export async function startDataPlane(
  makers: readonly DataPlaneMaker[],
  options: DataPlaneOptions,
  signal: AbortSignal,
): Promise<DataPlane> {
  for (const maker of makers) {
    if (await maker.isAvailable(options.host)) return await maker.start(options, signal)
  }
  throw new Error(`Cannot serve ingresses: none of ${makers.map(({ kind }) => kind).join(', ')} can run here`)
}

/** Where data planes listen on a node: ports that nothing else is known to want. The service leads 80 and 443 there. */
export const httpPort = 10_880
export const httpsPort = 10_443

export function listenOn(addresses: readonly string[]): ListenAddresses {
  const at = (port: number) => addresses.map((address) => ({ address, port }))
  return { http: at(httpPort), https: at(httpsPort) }
}

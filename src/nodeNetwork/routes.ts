/** The ways to pods in the kernel's table, told from all others by their protocol and metric. */
import type { Ip } from '#lib/host/netlink.ts'

import { vxlanDevice, wireguardDevice } from './settings.ts'

const tunnelDevices: readonly string[] = [vxlanDevice, wireguardDevice]

/** A way to some pods. */
export interface PodRoute {
  readonly range: string
  /** The next node; absent where the link leads to just one place by itself. */
  readonly via?: string
  readonly device: string
  /** Whether `via` is on the link whatever the link's addresses say. */
  readonly onlink?: boolean
}

/** The routing protocol number that marks our routes. */
export const routeProtocol = 89

type Answer = Readonly<Record<string, unknown>>

const keyOf = (range: unknown, via: unknown, device: unknown): string =>
  `${String(range)}${via === undefined ? '' : ` via ${String(via)}`} dev ${String(device)}`

/** A route of ours leads to a node or into a tunnel; others with our protocol and metric lead to a link alone. */
const leadsToNode = ({ gateway, dev }: Answer): boolean => gateway !== undefined || tunnelDevices.includes(String(dev))

/** Which routes to add and delete so that those with `metric` are exactly `wanted`; what others have put there stays. */
export function planRoutes(existing: readonly Answer[], wanted: readonly PodRoute[], metric: number): string[] {
  const words = `metric ${metric} protocol ${routeProtocol}`
  const ours = existing.filter(
    (route) => route.metric === metric && route.protocol === String(routeProtocol) && leadsToNode(route),
  )
  const present = new Set(ours.map(({ dst, gateway, dev }) => keyOf(dst, gateway, dev)))
  const targets = new Set(wanted.map(({ range }) => range))
  return [
    ...ours
      .filter(({ dst }) => !targets.has(String(dst)))
      .map(({ dst, dev }) => `route delete ${String(dst)} dev ${String(dev)} ${words}`),
    ...wanted
      .filter(({ range, via, device }) => !present.has(keyOf(range, via, device)))
      .map(
        ({ range, via, device, onlink }) =>
          `route replace ${keyOf(range, via, device)}${onlink === true ? ' onlink' : ''} ${words}`,
      ),
  ]
}

/** Reads the routes of the families that there are; `ip` leaves out of its answer what it was asked for, so that all are read. */
export async function readRoutes(
  ip: Ip,
  families: readonly (4 | 6)[],
  signal?: AbortSignal,
): Promise<readonly Answer[]> {
  const routes: Answer[] = []
  for (const family of families) routes.push(...(await ip.show([`-${family}`, 'route', 'show'], signal)))
  return routes
}

/** Makes exactly `wanted` the ways to pods among the routes with this metric. */
export async function applyRoutes(
  ip: Ip,
  wanted: readonly PodRoute[],
  metric: number,
  families: readonly (4 | 6)[],
  signal?: AbortSignal,
): Promise<void> {
  await ip.batch(planRoutes(await readRoutes(ip, families, signal), wanted, metric), signal)
}

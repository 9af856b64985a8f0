/** Everything on the machine that belongs to a cluster, to prove that nothing is left. */
import type { Host } from '#lib/host/host.ts'
import { addressLink } from '#loadBalancer/neighbours.ts'
import { tableName as policyTable } from '#networkPolicy/ruleset.ts'
import { vxlanDevice, wireguardDevice } from '#nodeNetwork/settings.ts'
import { tableName as serviceTable } from '#proxy/nftText.ts'

import { clusterLayout, defaultRoots, placeLayout } from './layout.ts'
import type { Roots } from './layout.ts'
import { readOwnRoutes } from './network.ts'
import { findProcessesInside, listPlaces } from './place.ts'

export interface Inventory {
  readonly processes: readonly string[]
  readonly mounts: readonly string[]
  readonly namespaces: readonly string[]
  readonly links: readonly string[]
  readonly routes: readonly string[]
  readonly tables: readonly string[]
  readonly cgroups: readonly string[]
  readonly folders: readonly string[]
}

/** What every node has in its own place, called the same in all of them. */
const nodeLinks: readonly string[] = [addressLink, vxlanDevice, wireguardDevice]
const nodeTables: readonly string[] = [policyTable, serviceTable]

/** What of a cluster is on the machine, found by everything that bears its marks; all lists are sorted. */
export async function takeInventory(
  host: Host,
  cluster: string,
  roots: Roots = defaultRoots,
  mayListTables = true,
): Promise<Inventory> {
  const layout = clusterLayout(cluster, roots)
  const mounts = host.mounts.list().map((mount) => mount.target)
  const isOurs = (path: string): boolean =>
    [layout.runtimeFolder, layout.dataFolder].some((folder) => path === folder || path.startsWith(`${folder}/`))

  const pids = new Set(host.cgroups.processes(layout.cgroup))
  for (const running of host.processes.list()) if (running.command.some(isOurs)) pids.add(running.pid)
  for (const name of await host.files.list(layout.runtimeFolder)) {
    if (!name.startsWith('.'))
      for (const pid of findProcessesInside(host, placeLayout(cluster, name, roots))) pids.add(pid)
  }
  const commands = new Map(host.processes.list().map((running) => [running.pid, running.command.join(' ')]))

  // On the machine itself this belongs to a node that is the machine. Where there is none, one has left it, perhaps of this cluster.
  const places = await listPlaces(host, undefined, roots)
  const isOfOthers = places.some((place) => place.kind === 'host' && place.cluster !== cluster)
  const mayBeOurs = (names: readonly string[], name: string): boolean => !isOfOthers && names.includes(name)

  const ip = host.ip()
  const links = (await ip.show(['link', 'show']))
    .map((link) => String(link.ifname))
    .filter((name) => name === layout.hostLink || mayBeOurs(nodeLinks, name))
  const routes = (await readOwnRoutes(ip))
    .filter((route) => route.metric === layout.barrierMetric || route.metric === layout.podRouteMetric)
    .map((route) => [route.type, route.dst, route.gateway, route.metric].filter((word) => word !== undefined).join(' '))
  // Only who can have made tables can list them.
  const tables = (mayListTables ? await host.nft().tables() : [])
    .filter((table) => table.name.startsWith(layout.hostLink) || mayBeOurs(nodeTables, table.name))
    .map((table) => `${table.family} ${table.name}`)

  const cgroups: string[] = []
  const collect = (path: string): void => {
    if (!host.cgroups.exists(path)) return
    cgroups.push(path)
    for (const name of host.cgroups.children(path)) collect(`${path}/${name}`)
  }
  collect(layout.cgroup)

  const folders: string[] = []
  const { runtimeFolder, dataFolder } = layout
  for (const folder of [
    runtimeFolder,
    ...['nodes', 'cluster.json', 'removed.json'].map((name) => `${dataFolder}/${name}`),
  ])
    if ((await host.files.status(folder)) !== undefined) folders.push(folder)

  return {
    processes: [...pids].map((pid) => `${pid} ${commands.get(pid) ?? ''}`.trim()).toSorted(),
    mounts: mounts.filter(isOurs).toSorted(),
    namespaces: (await host.files.list(layout.namespaceFolder)).map((name) => `${layout.namespaceFolder}/${name}`),
    links: links.toSorted(),
    routes: routes.toSorted(),
    tables: tables.toSorted(),
    cgroups: cgroups.toSorted(),
    folders,
  }
}

/** Whether nothing at all is there. */
export const isEmptyInventory = (inventory: Inventory): boolean =>
  Object.values(inventory).every((list: readonly string[]) => list.length === 0)

/**
 * The way of a cluster's nodes and pods to the outside: through this machine and under its address. Without it, which is
 * the rule, nothing of a cluster leaves the machine.
 */
import type { Host } from '#lib/host/host.ts'

import type { ClusterLayout } from './layout.ts'
import { hostAddress, type ClusterNetwork } from './network.ts'

const forwarding = '/proc/sys/net/ipv4/ip_forward'

/** Notes that this machine did not forward packets before us, so that it does not afterwards. */
const noteFile = (layout: ClusterLayout): string => `${layout.roots.runtime}/forwarding-was-off`

/** The rules on the machine: what comes from nodes and leaves it does so under its address. */
export function renderOutsideTable(layout: ClusterLayout, network: ClusterNetwork): string {
  const table = `ip ${layout.hostLink}`
  return `add table ${table}
delete table ${table}
table ${table} {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr ${network.nodeRange} oifname != "${layout.hostLink}" masquerade
  }
}
`
}

/** Lets a cluster's nodes out. What is there already stays. */
export async function openOutside(
  host: Host,
  layout: ClusterLayout,
  network: ClusterNetwork,
  nodeNamespaces: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  if ((await host.files.readText(forwarding))?.trim() === '0') {
    await host.files.write(noteFile(layout), '')
    await host.processes.run(['sysctl', '-qw', 'net.ipv4.ip_forward=1'], {}, signal)
  }
  await host.nft().apply(renderOutsideTable(layout, network), signal)
  const way = `route replace default via ${hostAddress(network)} dev eth0 metric 1024`
  await Promise.all(nodeNamespaces.map((file) => host.ip(file).batch([way], signal)))
}

/** Takes the way out away again; the last cluster that goes leaves the machine as it was. */
export async function closeOutside(host: Host, layout: ClusterLayout): Promise<void> {
  const tables = await host.nft().tables()
  const isOurs = (name: string): boolean => /^k8ts-[0-9a-f]{8}$/.test(name)
  if (!tables.some(({ name }) => name === layout.hostLink)) return
  await host.nft().apply(`delete table ip ${layout.hostLink}\n`)
  if (tables.some(({ name }) => name !== layout.hostLink && isOurs(name))) return
  if ((await host.files.status(noteFile(layout))) === undefined) return
  await host.processes.run(['sysctl', '-qw', 'net.ipv4.ip_forward=0'])
  await host.files.remove(noteFile(layout))
}

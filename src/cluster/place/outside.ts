/**
 * The way of a cluster's nodes and pods to the outside: through this machine and under its address. Without it, which is
 * the rule, nothing of a cluster leaves the machine.
 */
import type { Host } from '#lib/host/host.ts'

import type { ClusterLayout } from './layout.ts'
import { familiesOf, hostAddresses, rangesOf } from './ranges.ts'
import type { ClusterNetwork } from './ranges.ts'

const forwarding = '/proc/sys/net/ipv4/ip_forward'
const forwardingIpv6 = '/proc/sys/net/ipv6/conf/all/forwarding'

/** Notes that this machine did not forward packets before us, so that it does not afterwards. */
const noteFile = (layout: ClusterLayout): string => `${layout.roots.runtime}/forwarding-was-off`

/** The rules on the machine: what comes from nodes and leaves it does so under its address. One table of each family. */
export function renderOutsideTable(layout: ClusterLayout, network: ClusterNetwork): string {
  return rangesOf(network.nodeRange)
    .map((range) => {
      const family = range.includes(':') ? 'ip6' : 'ip'
      const table = `${family} ${layout.hostLink}`
      return `add table ${table}
delete table ${table}
table ${table} {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ${family} saddr ${range} oifname != "${layout.hostLink}" masquerade
  }
}
`
    })
    .join('')
}

/**
 * Lets a cluster's nodes out. What is there already stays. A machine that does not forward IPv6 is not made to: it would no
 * longer learn its own routes from its routers. In a cluster of both families its IPv4 leaves; rejects for one that has no
 * other.
 */
export async function openOutside(
  host: Host,
  layout: ClusterLayout,
  network: ClusterNetwork,
  nodeNamespaces: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  const families = familiesOf(network.nodeRange)
  if (families.join() === '6' && (await host.files.readText(forwardingIpv6))?.trim() !== '1') {
    throw new Error(
      'Cannot let nodes out: this machine does not forward IPv6; "sysctl -w net.ipv6.conf.all.forwarding=1" changes that (and accept_ra=2 keeps routes that it learns from routers), or give the cluster IPv4 ranges too',
    )
  }
  if (families.includes(4) && (await host.files.readText(forwarding))?.trim() === '0') {
    await host.files.write(noteFile(layout), '')
    await host.processes.run(['sysctl', '-qw', 'net.ipv4.ip_forward=1'], {}, signal)
  }
  await host.nft().apply(renderOutsideTable(layout, network), signal)
  const ways = hostAddresses(network).map(
    (address) => `route replace ${address.includes(':') ? '::/0' : 'default'} via ${address} dev eth0 metric 1024`,
  )
  await Promise.all(nodeNamespaces.map((file) => host.ip(file).batch(ways, signal)))
}

/** Takes the way out away again; the last cluster that goes leaves the machine as it was. */
export async function closeOutside(host: Host, layout: ClusterLayout): Promise<void> {
  const tables = await host.nft().tables()
  const isOurs = (name: string): boolean => /^k8ts-[0-9a-f]{8}$/.test(name)
  const own = tables.filter(({ name }) => name === layout.hostLink)
  if (own.length === 0) return
  await host.nft().apply(own.map(({ family, name }) => `delete table ${family} ${name}\n`).join(''))
  if (tables.some(({ name }) => name !== layout.hostLink && isOurs(name))) return
  if ((await host.files.status(noteFile(layout))) === undefined) return
  await host.processes.run(['sysctl', '-qw', 'net.ipv4.ip_forward=0'])
  await host.files.remove(noteFile(layout))
}

/** The shell text that furnishes a new place from inside its fresh namespaces. Names in it have been checked; it is data only. */
import type { PlaceLayout } from './layout.ts'
import { planNodeLink } from './network.ts'
import { renderPluginFolders } from './pluginFolders.ts'
import { familiesOf } from './ranges.ts'
import type { ClusterNetwork } from './ranges.ts'

export interface Furnishing {
  /** The node's, the primary one first. */
  readonly addresses: readonly string[]
  readonly network: ClusterNetwork
  /** Whether images and snapshots are kept in memory and vanish with the place. */
  readonly ephemeral: boolean
}

// Whether a new namespace has IPv6 depends on the machine.
const ipv6First = `for name in all default; do echo 0 > /proc/sys/net/ipv6/conf/$name/disable_ipv6; done`
const ipv6Forwarding = `echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
if [ -e /proc/sys/net/bridge/bridge-nf-call-ip6tables ]; then echo 1 > /proc/sys/net/bridge/bridge-nf-call-ip6tables; fi`

/**
 * What runs once in the new network and mount namespaces, as a child of the process that makes the place (whose network
 * namespace is therefore that of $PPID). Everything that it mounts or sets vanishes with the namespaces.
 */
export function renderPlaceScript(layout: PlaceLayout, { addresses, network, ephemeral }: Furnishing): string {
  const hasIpv6 = familiesOf(network.nodeRange).includes(6)
  return `set -eu
${hasIpv6 ? `${ipv6First}\n` : ''}ip -batch - <<'END'
${planNodeLink(layout.switchNamespace, layout.switchLink, addresses, network).join('\n')}
END
nsenter --net=${layout.switchNamespace} ip link set ${layout.switchLink} addrgenmode none master bridge0 up
echo 1 > /proc/sys/net/ipv4/ip_forward
if [ -e /proc/sys/net/bridge/bridge-nf-call-iptables ]; then echo 1 > /proc/sys/net/bridge/bridge-nf-call-iptables; fi
${hasIpv6 ? `${ipv6Forwarding}\n` : ''}touch ${layout.hostNetworkNamespace}
mount --bind /proc/$PPID/ns/net ${layout.hostNetworkNamespace}
# A copy of another place's namespace file would keep that namespace alive after its place is gone.
for folder in ${layout.roots.runtime}/*/.ns; do
  if mountpoint -q "$folder"; then umount --lazy "$folder"; fi
done
mount -t tmpfs -o mode=711 tmpfs ${layout.stateFolder}
# Shims keep their sockets and the plugins their results at fixed paths; these make them private.
mkdir -p /run/containerd /var/lib/cni
mount -t tmpfs -o mode=711 tmpfs /run/containerd
mount --bind ${layout.cniCacheFolder} /var/lib/cni
${ephemeral ? `mount -t tmpfs -o mode=711 tmpfs ${layout.rootFolder}\n` : ''}# People's own network plugins, and what those know of their node.
${renderPluginFolders(layout)}
# crun refuses machines that show version 1 controllers and the version 2 hierarchy side by side.
if [ -d /sys/fs/cgroup/memory ] && mountpoint -q /sys/fs/cgroup/unified; then umount --lazy /sys/fs/cgroup/unified; fi
# Mounts made for pods must reach their containers.
mount --make-rshared /
`
}

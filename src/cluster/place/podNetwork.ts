/** The network of a node's pods: the configuration that containerd hands to the CNI plugins `bridge` and `host-local`. */
import type { Host } from '#lib/host/host.ts'

import type { PlaceLayout } from './layout.ts'

/** The text of the plugin configuration for a node's pod ranges (one, or one of each address family). */
function renderPodNetwork(layout: PlaceLayout, podRanges: readonly string[], mtu: number): string {
  const routes = podRanges.map((range) => ({ dst: range.includes(':') ? '::/0' : '0.0.0.0/0' }))
  const bridge = {
    type: 'bridge',
    bridge: 'cni0',
    isGateway: true,
    // Masquerading is the service rules' business.
    ipMasq: false,
    hairpinMode: true,
    mtu,
    ipam: {
      type: 'host-local',
      dataDir: layout.addressFolder,
      ranges: podRanges.map((subnet) => [{ subnet }]),
      routes,
    },
  }
  return `${JSON.stringify({ cniVersion: '1.0.0', name: 'pods', plugins: [bridge] }, undefined, 2)}\n`
}

/** Tells containerd the node's pod ranges and how large the packets of their links may be; it notices by itself. An unchanged configuration is not written again. */
export async function writePodNetwork(
  host: Pick<Host, 'files'>,
  layout: PlaceLayout,
  podRanges: readonly string[],
  mtu: number,
): Promise<void> {
  const file = `${layout.cniFolder}/10-pods.conflist`
  const text = renderPodNetwork(layout, podRanges, mtu)
  if ((await host.files.readText(file)) !== text) await host.files.write(file, text)
}

import type { Pod } from '#api/core/v1/pod.ts'
import type { Plugin } from '#scheduler/plugin.ts'
import type { NodeView } from '#scheduler/snapshot.ts'

/** A port of the node that a pod takes; `key` is `protocol/port`. */
export interface HostPort {
  readonly key: string
  readonly address: string
  readonly protocol: string
  readonly port: number
}

const everyAddress = '0.0.0.0'

/** The node's ports that a pod takes, of containers and native sidecars. */
export function hostPortsOf(pod: Pod): readonly HostPort[] {
  const ports: HostPort[] = []
  const sidecars = pod.spec.initContainers?.filter(({ restartPolicy }) => restartPolicy === 'Always') ?? []
  for (const container of [...pod.spec.containers, ...sidecars]) {
    for (const { hostPort = 0, protocol = 'TCP', hostIP } of container.ports ?? []) {
      if (hostPort <= 0) continue
      const address = hostIP === undefined || hostIP === '' ? everyAddress : hostIP
      ports.push({ key: `${protocol}/${hostPort}`, address, protocol, port: hostPort })
    }
  }
  return ports
}

function clash(wanted: readonly HostPort[], node: NodeView): HostPort | undefined {
  return wanted.find(({ key, address }) => {
    const taken = node.hostPorts.get(key)
    if (taken === undefined) return false
    return address === everyAddress || taken.has(everyAddress) || taken.has(address)
  })
}

/** Whether a pod on a node had a port that the waiting one wants. */
function freesPort(pod: Pod, gone: Pod): boolean {
  if ((gone.spec.nodeName ?? '') === '') return false
  const held = hostPortsOf(gone)
  return hostPortsOf(pod).some(({ key, address }) =>
    held.some(
      (other) =>
        other.key === key && (address === other.address || address === everyAddress || other.address === everyAddress),
    ),
  )
}

/** Keeps a pod off nodes where one of its host ports is taken. */
export const ports: Plugin<readonly HostPort[]> = {
  name: 'NodePorts',
  looksAt: hostPortsOf,
  prepare(pod) {
    const wanted = hostPortsOf(pod)
    return wanted.length === 0 ? 'skip' : wanted
  },
  filter(_pod, node, wanted) {
    const taken = clash(wanted, node)
    if (taken === undefined) return undefined
    const { protocol, port } = taken
    return {
      reason: "node(s) didn't have free ports for the requested pod ports",
      cause: { kind: 'port', protocol, port },
    }
  },
  wakesOn: [
    {
      event: { resource: 'pods', action: 'delete' },
      helps: ({ pod, oldChangedPod }) => oldChangedPod === undefined || freesPort(pod, oldChangedPod),
    },
    { event: { resource: 'nodes', action: 'add' } },
  ],
}

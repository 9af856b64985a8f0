/** What of a pod matters to whoever leads, names or judges its packets: who it is, its labels, its addresses and named ports. */
import type { Container } from '#api/core/v1/container.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import { deepFreeze } from '#lib/encoding/deepFreeze.ts'

import type { PartOfObjects } from './informers.ts'

/** A tenth of a usual pod: a node may have to know all pods of a large cluster. */
export const podNetworkPart: PartOfObjects<Pod> = { name: 'network', keep: keepNetworkPart }

/** All have the same members, absent ones as undefined: objects of one shape take the least memory. */
function keepNetworkPart({ apiVersion, kind, metadata, spec, status }: Pod): Pod {
  const { name, namespace, uid, resourceVersion, creationTimestamp, labels } = metadata
  const { nodeName, hostNetwork, initContainers } = spec
  const sidecars = initContainers?.filter(({ restartPolicy }) => restartPolicy === 'Always').flatMap(withNamedPorts)
  const part = {
    apiVersion,
    kind,
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp, labels },
    spec: {
      nodeName,
      hostNetwork,
      containers: spec.containers.flatMap(withNamedPorts),
      initContainers: sidecars?.length === 0 ? undefined : sidecars,
    },
    status: { phase: status?.phase, podIP: status?.podIP, podIPs: status?.podIPs },
  }
  return deepFreeze(part) as Pod
}

function withNamedPorts({ name, ports, restartPolicy }: Container): Container[] {
  const named = ports?.filter((port) => port.name !== undefined && port.name !== '') ?? []
  if (named.length === 0) return []
  return [{ name, ports: named, ...(restartPolicy === undefined ? {} : { restartPolicy }) }]
}

import type { Binding } from '#api/core/v1/binding.ts'
import { nodes } from '#api/core/v1/node.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import { ownValue } from '#lib/collections/ownValue.ts'
import { concerns, type AdmissionPlugin, type ClusterView } from './chain.ts'

const copied = ['topology.kubernetes.io/zone', 'topology.kubernetes.io/region']

/** Gives a pod the zone and region of its node as labels, through the binding or at once (KEP-4742). */
export const podTopologyLabels: AdmissionPlugin = {
  name: 'PodTopologyLabels',
  admit(request, cluster) {
    if (request.operation !== 'CREATE') return
    if (concerns(request, pods, 'binding')) {
      const { target, metadata } = request.object as Binding
      if ((target.kind ?? '') === '' || target.kind === 'Node') addLabels(metadata, target.name ?? '', cluster)
    } else if (concerns(request, pods)) {
      const { spec, metadata } = request.object as Pod
      addLabels(metadata, spec.nodeName ?? '', cluster)
    }
  },
}

function addLabels(metadata: Pod['metadata'], node: string, cluster: ClusterView): void {
  const labels = node === '' ? undefined : cluster.get(nodes, '', node)?.metadata.labels
  for (const key of copied) {
    const value = ownValue(labels, key)
    if (value !== undefined) metadata.labels = { ...metadata.labels, [key]: value }
  }
}

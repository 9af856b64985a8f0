import type { Plugin } from '#scheduler/plugin.ts'
import { mostScore } from './normalize.ts'
import type { ClusterView } from '#scheduler/snapshot.ts'

const mebibyte = 1024 * 1024
/** Below this much of wanted images a node scores nothing; each container raises the ceiling by the other. */
const floorBytes = 23 * mebibyte
const ceilingBytesPerContainer = 1000 * mebibyte

/** Prefers nodes that already have the pod's images, large ones more, and images that many nodes have more. */
export const imageLocality: Plugin<ClusterView> = {
  name: 'ImageLocality',
  prepare: (pod, cluster) => {
    const images = [...(pod.spec.initContainers ?? []), ...pod.spec.containers]
    // Where no node has any of them, every node scores the same.
    return images.some(({ image = '' }) => cluster.nodesWithImage(normalized(image)) > 0) ? cluster : 'skip'
  },
  score(pod, node, cluster) {
    const containers = [...(pod.spec.initContainers ?? []), ...pod.spec.containers]
    let bytes = 0
    for (const { image = '' } of containers) {
      const name = normalized(image)
      const size = node.images.get(name)
      if (size !== undefined) bytes += Math.trunc(size * (cluster.nodesWithImage(name) / cluster.nodes.length))
    }
    const ceiling = ceilingBytesPerContainer * containers.length
    const clipped = Math.min(Math.max(bytes, floorBytes), ceiling)
    return Math.trunc((mostScore * (clipped - floorBytes)) / (ceiling - floorBytes))
  },
}

/** An image name with the tag that a missing one means. */
function normalized(name: string): string {
  return name.lastIndexOf(':') <= name.lastIndexOf('/') ? `${name}:latest` : name
}

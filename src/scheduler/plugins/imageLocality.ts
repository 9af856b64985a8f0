import type { Plugin } from '#scheduler/plugin.ts'
import { mostScore } from './normalize.ts'

const mebibyte = 1024 * 1024
/** Below this much of wanted images a node scores nothing; each container raises the ceiling by the other. */
const floorBytes = 23 * mebibyte
const ceilingBytesPerContainer = 1000 * mebibyte

/** An image that a pod wants: its name, and which part of all nodes has it. */
interface WantedImage {
  readonly name: string
  readonly share: number
}

/** Prefers nodes that already have the pod's images, large ones more, and images that many nodes have more. */
export const imageLocality: Plugin<readonly WantedImage[]> = {
  name: 'ImageLocality',
  prepare(pod, cluster) {
    const wanted = [...(pod.spec.initContainers ?? []), ...pod.spec.containers].map(({ image = '' }) => {
      const name = normalized(image)
      return { name, share: cluster.nodesWithImage(name) / cluster.nodes.length }
    })
    // Where no node has any of them, every node scores the same.
    return wanted.some(({ share }) => share > 0) ? wanted : 'skip'
  },
  score(_pod, { images }, wanted) {
    let bytes = 0
    if (images.size > 0) {
      for (const { name, share } of wanted) bytes += Math.trunc((images.get(name) ?? 0) * share)
    }
    const ceiling = ceilingBytesPerContainer * wanted.length
    const clipped = Math.min(Math.max(bytes, floorBytes), ceiling)
    return Math.trunc((mostScore * (clipped - floorBytes)) / (ceiling - floorBytes))
  },
}

/** An image name with the tag that a missing one means. */
function normalized(name: string): string {
  return name.lastIndexOf(':') <= name.lastIndexOf('/') ? `${name}:latest` : name
}

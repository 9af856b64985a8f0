import type { Pod } from '#api/core/v1/pod.ts'
import { RecentMap } from '#lib/collections/recentMap.ts'
import { Follower, type NodeCounter } from '#scheduler/counts/follower.ts'
import type { Plugin } from '#scheduler/plugin.ts'
import type { ClusterView, NodeView } from '#scheduler/snapshot.ts'
import { mostScore } from './normalize.ts'

const mebibyte = 1024 * 1024
/** Below this much of wanted images a node scores nothing; each container raises the ceiling by the other. */
const floorBytes = 23 * mebibyte
const ceilingBytesPerContainer = 1000 * mebibyte

/** For so many images it is remembered which nodes have them. */
const mostRemembered = 64

/** An image that a pod wants: how large it is on each node, and which part of all nodes has it. */
interface WantedImage {
  readonly name: string
  readonly sizes: Float64Array
  readonly share: number
}

/** Prefers nodes that already have the pod's images, large ones more, and images that many nodes have more. */
export function imageLocality(): Plugin<readonly WantedImage[]> {
  const known = new RecentMap<string, ImageSizes>(mostRemembered)
  return {
    name: 'ImageLocality',
    prepare(pod, cluster) {
      const names = imagesOf(pod)
      const shares = names.map((name) => cluster.nodesWithImage(name) / cluster.nodes.length)
      // Where no node has any of them, every node scores the same.
      if (!shares.some((share) => share > 0)) return 'skip'
      return names.map((name, i) => {
        const image = known.getOrMake(name, () => new ImageSizes(name))
        image.follow(cluster)
        return { name, sizes: image.sizes, share: shares[i]! }
      })
    },
    scoreAll(_pod, _cluster, wanted, { positions }, scores) {
      scores.fill(0)
      for (const { sizes, share } of wanted) {
        if (share === 0) continue
        for (let i = 0; i < positions.length; i++) scores[i]! += Math.trunc(sizes[positions[i]!]! * share)
      }
      const ceiling = ceilingBytesPerContainer * wanted.length
      for (let i = 0; i < scores.length; i++) {
        const clipped = Math.min(Math.max(scores[i]!, floorBytes), ceiling)
        scores[i] = Math.trunc((mostScore * (clipped - floorBytes)) / (ceiling - floorBytes))
      }
      return true
    },
    groups: (wanted) => ({
      rule: wanted.map(({ name }) => name).join(' '),
      keyAt: (at) => wanted.map(({ sizes }) => sizes[at]).join(' '),
    }),
    wakesOn: [],
  }
}

/** How large an image is on each node, in bytes by position; 0 where it is not. */
class ImageSizes implements NodeCounter {
  sizes = new Float64Array()
  readonly #name: string
  readonly #follower = new Follower()

  constructor(name: string) {
    this.#name = name
  }

  follow(cluster: ClusterView): void {
    const { length } = cluster.nodes
    if (this.sizes.length < length) {
      const larger = new Float64Array(length + (length >> 2))
      larger.set(this.sizes)
      this.sizes = larger
    }
    this.#follower.follow(cluster, this)
  }

  enter(at: number, { images }: NodeView): void {
    this.sizes[at] = images.get(this.#name) ?? 0
  }

  leave(at: number): void {
    this.sizes[at] = 0
  }
}

function imagesOf({ spec }: Pod): readonly string[] {
  return [...(spec.initContainers ?? []), ...spec.containers].map(({ image = '' }) => normalized(image))
}

/** An image name with the tag that a missing one means. */
function normalized(name: string): string {
  return name.lastIndexOf(':') <= name.lastIndexOf('/') ? `${name}:latest` : name
}

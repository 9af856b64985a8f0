import { addressAt, cidrSize, parseCidr, type Cidr } from '#lib/net/cidr.ts'
import { formatIp } from '#lib/net/ip.ts'

/** The first host of a block is the node's end of the pod network. */
const firstOffset = 2
/** No node has more pods than this, so that a large IPv6 block need not be walked. */
const mostOffsets = 1 << 20

/**
 * The addresses that one node gives to its pods, one of each of its blocks. They are handed out in turn, so that an
 * address that was given back rests for as long as possible.
 */
export class PodAddresses {
  readonly #blocks: readonly Cidr[]
  readonly #byPod = new Map<string, readonly string[]>()
  readonly #taken = new Set<string>()
  readonly #last: number
  #next = firstOffset

  /** Throws for text that is no block. */
  constructor(podCidrs: readonly string[]) {
    this.#blocks = podCidrs.map((text) => {
      const block = parseCidr(text)
      if (block === undefined) throw new Error(`Cannot give addresses to pods: "${text}" is not a CIDR block`)
      return block
    })
    // The last address of an IPv4 block is for broadcasts.
    const sizes = this.#blocks.map((block) => Number(cidrSize(block)) - (block.family === 4 ? 1 : 0))
    this.#last = Math.min(mostOffsets, ...sizes) - 1
  }

  /** The addresses of a pod, the same ones until it gives them back; undefined when there are none left. */
  of(podUid: string): readonly string[] | undefined {
    const known = this.#byPod.get(podUid)
    if (known !== undefined) return known
    for (let tried = firstOffset; tried <= this.#last; tried++) {
      const offset = this.#next
      this.#next = offset >= this.#last ? firstOffset : offset + 1
      const ips = this.#blocks.map((block) => formatIp(addressAt(block, offset)))
      if (ips.some((ip) => this.#taken.has(ip))) continue
      this.#keep(podUid, ips)
      return ips
    }
    return undefined
  }

  /** Keeps the addresses that a pod has from an earlier life of the process. */
  adopt(podUid: string, ips: readonly string[]): void {
    if (ips.length > 0 && !this.#byPod.has(podUid)) this.#keep(podUid, ips)
  }

  release(podUid: string): void {
    for (const ip of this.#byPod.get(podUid) ?? []) this.#taken.delete(ip)
    this.#byPod.delete(podUid)
  }

  #keep(podUid: string, ips: readonly string[]): void {
    this.#byPod.set(podUid, ips)
    for (const ip of ips) this.#taken.add(ip)
  }
}

import { Follower, type NodeCounter } from '#scheduler/counts/follower.ts'
import type { ClusterView, NodeView } from '#scheduler/snapshot.ts'

/** What the drivers of a node can attach at most, and have attached, by driver. */
export interface NodeVolumes {
  readonly limits: ReadonlyMap<string, number>
  readonly counts: ReadonlyMap<string, number>
  /** Whether it stays so until the pods of the node change, or its name is told. */
  readonly isFinal: boolean
}

/** Of a node whose driver sets no limit. */
const plenty = 2 ** 30

/**
 * How many more volumes each driver can attach to each node, by position: nearly all nodes have room, and who has is seen
 * without looking at what is there.
 *
 *     driver   ebs   [ 39   2   plenty ]
 */
export class VolumeRoom implements NodeCounter {
  readonly #look: (node: NodeView) => NodeVolumes
  readonly #follower = new Follower()
  readonly #byDriver = new Map<string, Int32Array>()
  /** The drivers with a limit, by position. */
  readonly #drivers: (readonly string[])[] = []
  readonly #unsettled = new Set<number>()
  readonly #told = new Set<string>()

  constructor(look: (node: NodeView) => NodeVolumes) {
    this.#look = look
  }

  /** Takes in that something else than the pods of a node changed what its drivers can attach. */
  tell(node: string): void {
    this.#told.add(node)
  }

  follow(cluster: ClusterView): void {
    this.#follower.follow(cluster, this)
    const again = new Set(this.#unsettled)
    for (const name of this.#told) {
      const at = cluster.positionOf(name)
      if (at !== undefined) again.add(at)
    }
    this.#told.clear()
    for (const at of again) {
      this.leave(at)
      this.enter(at, cluster.nodes[at]!)
    }
  }

  /** By position, for all nodes; undefined where the driver has no limit anywhere. */
  of(driver: string): Int32Array | undefined {
    return this.#byDriver.get(driver)
  }

  enter(at: number, view: NodeView): void {
    const { limits, counts, isFinal } = this.#look(view)
    while (this.#drivers.length <= at) this.#drivers.push(none)
    this.#grow()
    for (const [driver, limit] of limits) this.#roomOf(driver)[at] = limit - (counts.get(driver) ?? 0)
    if (limits.size > 0) this.#drivers[at] = [...limits.keys()]
    if (!isFinal) this.#unsettled.add(at)
  }

  leave(at: number): void {
    for (const driver of this.#drivers[at]!) this.#roomOf(driver)[at] = plenty
    this.#drivers[at] = none
    this.#unsettled.delete(at)
  }

  #roomOf(driver: string): Int32Array {
    let room = this.#byDriver.get(driver)
    if (room === undefined) this.#byDriver.set(driver, (room = new Int32Array(this.#size).fill(plenty)))
    return room
  }

  /** Tables have room for some nodes more than there are. */
  get #size(): number {
    return this.#drivers.length + (this.#drivers.length >> 2) + 8
  }

  #grow(): void {
    for (const [driver, room] of this.#byDriver) {
      if (room.length >= this.#drivers.length) continue
      const larger = new Int32Array(this.#size).fill(plenty)
      larger.set(room)
      this.#byDriver.set(driver, larger)
    }
  }
}

const none: readonly string[] = []

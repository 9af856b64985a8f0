import type { PersistentVolumeClaim } from '#api/core/v1/persistentVolumeClaim.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { CSINode } from '#api/storage/v1/csiNode.ts'
import { keyOf } from '#client/index.ts'
import { claimsOf } from '#machinery/podReferences.ts'
import { classOfClaim } from '#machinery/volumeBinding.ts'
import type { Plugin, Rejection } from '#scheduler/plugin.ts'
import type { NodeView } from '#scheduler/snapshot.ts'
import type { VolumeObjects } from '#scheduler/volumes/volumeObjects.ts'
import { VolumeRoom, type NodeVolumes } from './volumeRoom.ts'

/** Volumes of CSI drivers, by a name that is theirs alone: the driver of each. */
type DriversOfVolumes = ReadonlyMap<string, string>

/** Volumes with how many each driver has of them. */
interface Counted {
  readonly volumes: DriversOfVolumes
  readonly counts: ReadonlyMap<string, number>
}

interface Attached extends Counted {
  /** Whether it stays so, as far as it is of pods and of volumes that are known. */
  readonly isFinal: boolean
}

/** Keeps pods off nodes to which a CSI driver cannot attach more volumes. */
export function volumeLimits(objects: VolumeObjects): Plugin<Counted> {
  const attached = new AttachedVolumes(objects)
  const limits = new Map<string, { readonly csiNode: CSINode; readonly limits: Limits }>()
  const limitsAt = (node: string): Limits => {
    const csiNode = objects.csiNode(node)
    if (csiNode === undefined) return unlimited
    const known = limits.get(node)
    if (known?.csiNode === csiNode) return known.limits
    const found = limitsOf(csiNode)
    limits.set(node, { csiNode, limits: found })
    return found
  }
  const room = new VolumeRoom((view) => {
    const most = limitsAt(view.name)
    if (most.size === 0) return limitless
    const { counts, isFinal } = attached.of(view)
    return { limits: most, counts, isFinal }
  })
  objects.followNodes((node) => room.tell(node))
  /** The driver whose limit the node would exceed. */
  const exceeded = (view: NodeView, wanted: Counted): string | undefined => {
    const most = limitsAt(view.name)
    if (most.size === 0) return undefined
    const there = attached.of(view)
    for (const [driver, more] of wanted.counts) {
      const limit = most.get(driver)
      if (limit === undefined || (there.counts.get(driver) ?? 0) + more <= limit) continue
      // Volumes that both have count once, which is looked at only where it can matter.
      let count = there.counts.get(driver) ?? 0
      for (const [volume, by] of wanted.volumes) if (by === driver && !there.volumes.has(volume)) count++
      if (count > limit && count > (there.counts.get(driver) ?? 0)) return driver
    }
    return undefined
  }
  return {
    name: 'NodeVolumeLimits',
    prepare(pod) {
      if (!objects.hasCsiNodes || pod.spec.volumes === undefined) return 'skip'
      const { volumes } = attached.ofWaitingPod(pod)
      return volumes.size === 0 ? 'skip' : counted(volumes)
    },
    filter(_pod, view, wanted): Rejection | undefined {
      const driver = exceeded(view, wanted)
      if (driver === undefined) return undefined
      return { reason: 'node(s) exceed max volume count', cause: { kind: 'volume', problem: 'limit', driver } }
    },
    sieve(_pod, cluster, wanted, rejected) {
      const { nodes } = cluster
      room.follow(cluster)
      for (const [driver, more] of wanted.counts) {
        const left = room.of(driver)
        if (left === undefined) continue
        for (let at = 0; at < nodes.length; at++) {
          if (left[at]! >= more || rejected[at] === 1) continue
          if (exceeded(nodes[at]!, wanted) !== undefined) rejected[at] = 1
        }
      }
    },
    wakesOn: [
      { event: { resource: 'csinodes', action: 'add' } },
      {
        event: { resource: 'csinodes', action: 'update' },
        helps: ({ object, oldObject }) => growsLimit(object as CSINode, oldObject as CSINode),
      },
      {
        event: { resource: 'pods', action: 'delete' },
        helps: ({ oldChangedPod }) => oldChangedPod !== undefined && claimsOf(oldChangedPod).length > 0,
      },
      {
        event: { resource: 'persistentvolumeclaims', action: 'add' },
        helps: ({ pod, object }) => claimsOf(pod).includes(keyOf((object as PersistentVolumeClaim).metadata)),
      },
      { event: { resource: 'volumeattachments', action: 'delete' } },
    ],
  }
}

/** How many volumes each driver can attach, of drivers that say so. */
type Limits = ReadonlyMap<string, number>

const unlimited: Limits = new Map()
const limitless: NodeVolumes = { limits: unlimited, counts: unlimited, isFinal: true }

function limitsOf({ spec }: CSINode): Limits {
  const limits = new Map<string, number>()
  for (const { name, allocatable } of spec.drivers ?? []) {
    if (allocatable?.count !== undefined) limits.set(name, allocatable.count)
  }
  return limits
}

function counted(volumes: DriversOfVolumes): Counted {
  const counts = new Map<string, number>()
  for (const driver of volumes.values()) counts.set(driver, (counts.get(driver) ?? 0) + 1)
  return { volumes, counts }
}

function growsLimit(csiNode: CSINode, old: CSINode): boolean {
  const [now, before] = [limitsOf(csiNode), limitsOf(old)]
  return [...before].some(([driver, limit]) => (now.get(driver) ?? Infinity) > limit)
}

interface PodVolumesOfDrivers {
  readonly volumes: DriversOfVolumes
  /** Whether it stays so: claims that are bound keep their volume. */
  readonly isFinal: boolean
}

/** What is attached where, remembered for nodes and pods that stay as they are. */
class AttachedVolumes {
  readonly #objects: VolumeObjects
  /** Of the last view of each node. A weak map by view would be asked for every node and every pod, and is slower. */
  readonly #byNode = new Map<string, { readonly view: NodeView; readonly found: Attached }>()
  readonly #byPod = new WeakMap<Pod, PodVolumesOfDrivers>()

  constructor(objects: VolumeObjects) {
    this.#objects = objects
  }

  of(view: NodeView): Attached {
    const attachments = this.#objects.attachments(view.name)
    const known = this.#byNode.get(view.name)
    const ofPods = known?.view === view ? known.found : this.#ofPods(view)
    if (attachments.length === 0) return ofPods
    const all = new Map(ofPods.volumes)
    let { isFinal } = ofPods
    for (const { spec } of attachments) {
      const volume = this.#objects.volume(spec.source.persistentVolumeName ?? '')
      const csi = volume?.spec.csi
      if (volume === undefined) isFinal = false
      if (csi !== undefined) all.set(`${csi.driver}/${csi.volumeHandle}`, csi.driver)
    }
    return { ...counted(all), isFinal }
  }

  /** Looks anew: the claims of a pod without a node are not protected, and may be others than at its last attempt. */
  ofWaitingPod(pod: Pod): PodVolumesOfDrivers {
    this.#byPod.delete(pod)
    return this.#ofPod(pod)
  }

  #ofPod(pod: Pod): PodVolumesOfDrivers {
    const known = this.#byPod.get(pod)
    if (known !== undefined) return known
    const found = this.#find(pod)
    if (found.isFinal) this.#byPod.set(pod, found)
    return found
  }

  #ofPods(view: NodeView): Attached {
    const all = new Map<string, string>()
    let isFinal = true
    for (const pod of view.pods) {
      if (pod.spec.volumes === undefined) continue
      const found = this.#ofPod(pod)
      isFinal &&= found.isFinal
      for (const [volume, driver] of found.volumes) all.set(volume, driver)
    }
    const found = { ...counted(all), isFinal }
    if (isFinal) this.#byNode.set(view.name, { view, found })
    return found
  }

  #find(pod: Pod): PodVolumesOfDrivers {
    const volumes = new Map<string, string>()
    let isFinal = true
    for (const key of claimsOf(pod)) {
      const claim = this.#objects.claim(key)
      const volume = this.#objects.volume(claim?.spec.volumeName ?? '')
      const csi = volume?.spec.csi
      if (csi !== undefined) volumes.set(`${csi.driver}/${csi.volumeHandle}`, csi.driver)
      if (volume !== undefined || claim === undefined) {
        isFinal &&= volume !== undefined
        continue
      }
      isFinal = false
      // It will get a volume of its own.
      const provisioner = this.#objects.storageClass(classOfClaim(claim))?.provisioner
      if (provisioner !== undefined) volumes.set(`${provisioner} for ${key}`, provisioner)
    }
    return { volumes, isFinal }
  }
}

import type { PersistentVolumeClaim } from '#api/core/v1/persistentVolumeClaim.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { CSINode } from '#api/storage/v1/csiNode.ts'
import { keyOf } from '#client/index.ts'
import { claimsOf } from '#machinery/podReferences.ts'
import { classOfClaim } from '#machinery/volumeBinding.ts'
import type { Plugin, Rejection } from '#scheduler/plugin.ts'
import type { NodeView } from '#scheduler/snapshot.ts'
import type { VolumeObjects } from '#scheduler/volumes/volumeObjects.ts'

/** Volumes of CSI drivers, by a name that is theirs alone: the driver of each. */
type DriversOfVolumes = ReadonlyMap<string, string>

/** Keeps pods off nodes to which a CSI driver cannot attach more volumes. */
export function volumeLimits(objects: VolumeObjects): Plugin<DriversOfVolumes> {
  const attached = new AttachedVolumes(objects)
  /** The driver whose limit the node would exceed. */
  const exceeded = (view: NodeView, wanted: DriversOfVolumes): string | undefined => {
    const limits = limitsOf(objects.csiNode(view.name))
    if (limits === undefined) return undefined
    const there = attached.of(view)
    const counts = new Map<string, number>()
    const count = (driver: string): number => {
      const next = (counts.get(driver) ?? 0) + 1
      counts.set(driver, next)
      return next
    }
    for (const driver of there.values()) count(driver)
    for (const [volume, driver] of wanted) {
      if (there.has(volume)) continue
      const limit = limits.get(driver)
      if (count(driver) > (limit ?? Infinity)) return driver
    }
    return undefined
  }
  return {
    name: 'NodeVolumeLimits',
    prepare(pod) {
      if (!objects.hasCsiNodes || pod.spec.volumes === undefined) return 'skip'
      const { volumes } = attached.ofPod(pod)
      return volumes.size === 0 ? 'skip' : volumes
    },
    filter(_pod, view, wanted): Rejection | undefined {
      const driver = exceeded(view, wanted)
      if (driver === undefined) return undefined
      return { reason: 'node(s) exceed max volume count', cause: { kind: 'volume', problem: 'limit', driver } }
    },
    sieve(_pod, { nodes }, wanted, rejected) {
      for (let at = 0; at < nodes.length; at++) {
        if (rejected[at] === 0 && exceeded(nodes[at]!, wanted) !== undefined) rejected[at] = 1
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

function limitsOf(csiNode: CSINode | undefined): ReadonlyMap<string, number> | undefined {
  let limits: Map<string, number> | undefined
  for (const { name, allocatable } of csiNode?.spec.drivers ?? []) {
    if (allocatable?.count !== undefined) (limits ??= new Map()).set(name, allocatable.count)
  }
  return limits
}

function growsLimit(csiNode: CSINode, old: CSINode): boolean {
  const [now, before] = [limitsOf(csiNode), limitsOf(old)]
  return [...(before ?? [])].some(([driver, limit]) => (now?.get(driver) ?? Infinity) > limit)
}

interface PodVolumesOfDrivers {
  readonly volumes: DriversOfVolumes
  /** Whether it stays so: claims that are bound keep their volume. */
  readonly isFinal: boolean
}

/** What is attached where, remembered for nodes and pods that stay as they are. */
class AttachedVolumes {
  readonly #objects: VolumeObjects
  readonly #byView = new WeakMap<NodeView, DriversOfVolumes>()
  readonly #byPod = new WeakMap<Pod, PodVolumesOfDrivers>()

  constructor(objects: VolumeObjects) {
    this.#objects = objects
  }

  of(view: NodeView): DriversOfVolumes {
    const attachments = this.#objects.attachments(view.name)
    const known = this.#byView.get(view)
    const ofPods = known ?? this.#ofPods(view)
    if (attachments.length === 0) return ofPods
    const all = new Map(ofPods)
    for (const { spec } of attachments) {
      const csi = this.#objects.volume(spec.source.persistentVolumeName ?? '')?.spec.csi
      if (csi !== undefined) all.set(`${csi.driver}/${csi.volumeHandle}`, csi.driver)
    }
    return all
  }

  ofPod(pod: Pod): PodVolumesOfDrivers {
    const known = this.#byPod.get(pod)
    if (known !== undefined) return known
    const found = this.#find(pod)
    if (found.isFinal) this.#byPod.set(pod, found)
    return found
  }

  #ofPods(view: NodeView): DriversOfVolumes {
    const all = new Map<string, string>()
    let isFinal = true
    for (const pod of view.pods) {
      if (pod.spec.volumes === undefined) continue
      const found = this.ofPod(pod)
      isFinal &&= found.isFinal
      for (const [volume, driver] of found.volumes) all.set(volume, driver)
    }
    if (isFinal) this.#byView.set(view, all)
    return all
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

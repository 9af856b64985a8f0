import { nodes as clusterNodes, type Node } from '#api/core/v1/node.ts'
import { persistentVolumeClaims, type PersistentVolumeClaim } from '#api/core/v1/persistentVolumeClaim.ts'
import { persistentVolumes, type PersistentVolume } from '#api/core/v1/persistentVolume.ts'
import { csiDrivers, type CSIDriver } from '#api/storage/v1/csiDriver.ts'
import { csiNodes, type CSINode } from '#api/storage/v1/csiNode.ts'
import { csiStorageCapacities, type CSIStorageCapacity } from '#api/storage/v1/csiStorageCapacity.ts'
import { storageClasses, type StorageClass } from '#api/storage/v1/storageClass.ts'
import { volumeAttachments, type VolumeAttachment } from '#api/storage/v1/volumeAttachment.ts'
import type { Client } from '#client/client.ts'
import { keyOf } from '#client/index.ts'
import type { Informers } from '#client/informers.ts'
import type { Clock } from '#lib/clock.ts'
import { freeClasses, isFree, reservingClaims } from '#machinery/volumeBinding.ts'
import { Assumed } from './assumed.ts'

/** What the plugins know of volumes, with what the scheduler is about to make of them. */
export interface VolumeObjects {
  /** By `namespace/name`. */
  claim(key: string): PersistentVolumeClaim | undefined
  volume(name: string): PersistentVolume | undefined
  /** Volumes of a class that are nobody's. */
  free(className: string): readonly PersistentVolume[]
  /** Volumes that are kept for a claim, by `namespace/name`. */
  reserved(claim: string): readonly PersistentVolume[]
  storageClass(name: string): StorageClass | undefined
  csiDriver(name: string): CSIDriver | undefined
  csiNode(node: string): CSINode | undefined
  /** Whether any driver said anything of any node. */
  readonly hasCsiNodes: boolean
  capacities(className: string): readonly CSIStorageCapacity[]
  /** What is attached to a node, or about to be. */
  attachments(node: string): readonly VolumeAttachment[]
  /** Calls back with the name of each node of which drivers say something else, or to which other volumes are attached. */
  followNodes(tell: (node: string) => void): void
}

/** What `VolumeBinding` does with volumes beside looking at them. */
export interface VolumeActions {
  readonly clock: Clock
  /** Counts on changes that are about to be written. */
  assume(changes: VolumeChanges): void
  forget(changes: VolumeChanges): void
  writeVolume(volume: PersistentVolume, signal: AbortSignal): Promise<PersistentVolume>
  writeClaim(claim: PersistentVolumeClaim, signal: AbortSignal): Promise<PersistentVolumeClaim>
  /** As the server has them, whatever is assumed. */
  knownClaim(key: string): PersistentVolumeClaim | undefined
  knownVolume(name: string): PersistentVolume | undefined
  knownNode(name: string): Node | undefined
  /** Resolves as soon as one of the claims changes, or after so many milliseconds; rejects when the signal aborts. */
  changed(claims: readonly string[], milliseconds: number, signal: AbortSignal): Promise<void>
}

/** Volumes that claims shall get, and claims for which some shall be made. */
export interface VolumeChanges {
  readonly volumes: readonly PersistentVolume[]
  readonly claims: readonly PersistentVolumeClaim[]
}

const [byFreeClass, byClaim, byClass, byNode] = ['freeOfClass', 'claim', 'storageClass', 'attachedTo']

/** Reads from copies that all components of the process share. */
export function volumeObjects(
  informers: Informers,
  client: Client,
  clock: Clock,
): { readonly objects: VolumeObjects; readonly actions: VolumeActions } {
  const claims = new Assumed(informers.of(persistentVolumeClaims))
  const volumes = new Assumed(informers.of(persistentVolumes))
  const [classes, drivers, nodes] = [informers.of(storageClasses), informers.of(csiDrivers), informers.of(csiNodes)]
  const allNodes = informers.of(clusterNodes)
  const [capacities, attachments] = [informers.of(csiStorageCapacities), informers.of(volumeAttachments)]
  volumes.copies.addIndex(byFreeClass, freeClasses)
  volumes.copies.addIndex(byClaim, reservingClaims)
  capacities.addIndex(byClass, ({ storageClassName }) => [storageClassName])
  attachments.addIndex(byNode, ({ spec }) => [spec.nodeName])
  const waiters = new Map<string, Set<() => void>>()
  claims.copies.onChange(({ old, new: now }) => {
    for (const wake of waiters.get(keyOf((now ?? old)!.metadata)) ?? []) wake()
  })
  let csiNodeCount = 0
  nodes.onChange(({ old, new: now }) => {
    csiNodeCount += Number(old === undefined) - Number(now === undefined)
  })
  const objects: VolumeObjects = {
    claim: (key) => claims.get(key),
    volume: (name) => volumes.get(name),
    free: (className) =>
      volumes.copies
        .byIndex(byFreeClass, className)
        .map((volume) => volumes.newest(volume))
        .filter(isFree),
    reserved: (claim) => volumes.copies.byIndex(byClaim, claim),
    storageClass: (name) => classes.get(name),
    csiDriver: (name) => drivers.get(name),
    csiNode: (node) => nodes.get(node),
    get hasCsiNodes() {
      return csiNodeCount > 0
    },
    capacities: (className) => capacities.byIndex(byClass, className),
    attachments: (node) => attachments.byIndex(byNode, node),
    followNodes(tell) {
      nodes.onChange(({ old, new: now }) => tell((now ?? old)!.metadata.name))
      attachments.onChange(({ old, new: now }) => {
        for (const attachment of [old, now]) if (attachment !== undefined) tell(attachment.spec.nodeName)
      })
    },
  }
  const actions: VolumeActions = {
    clock,
    assume(changes) {
      for (const volume of changes.volumes) volumes.assume(volume)
      for (const claim of changes.claims) claims.assume(claim)
    },
    forget(changes) {
      for (const volume of changes.volumes) volumes.forget(volume)
      for (const claim of changes.claims) claims.forget(claim)
    },
    writeVolume: (volume, signal) => client.update(persistentVolumes, volume, { signal }),
    writeClaim: (claim, signal) => client.update(persistentVolumeClaims, claim, { signal }),
    knownClaim: (key) => claims.copies.get(key),
    knownVolume: (name) => volumes.copies.get(name),
    knownNode: (name) => allNodes.get(name),
    async changed(keys, milliseconds, signal) {
      const over = new AbortController()
      const wake = (): void => over.abort()
      for (const key of keys) waiters.set(key, (waiters.get(key) ?? new Set()).add(wake))
      try {
        await clock.sleep(milliseconds, AbortSignal.any([signal, over.signal]))
      } catch (error) {
        if (!over.signal.aborted || signal.aborted) throw error
      } finally {
        for (const key of keys) {
          const waiting = waiters.get(key)
          waiting?.delete(wake)
          if (waiting?.size === 0) waiters.delete(key)
        }
      }
    },
  }
  return { objects, actions }
}

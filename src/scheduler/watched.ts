import { namespaces } from '#api/core/v1/namespace.ts'
import { persistentVolumeClaims } from '#api/core/v1/persistentVolumeClaim.ts'
import { persistentVolumes } from '#api/core/v1/persistentVolume.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import { csiDrivers } from '#api/storage/v1/csiDriver.ts'
import { csiNodes } from '#api/storage/v1/csiNode.ts'
import { csiStorageCapacities } from '#api/storage/v1/csiStorageCapacity.ts'
import { storageClasses } from '#api/storage/v1/storageClass.ts'
import { volumeAttachments } from '#api/storage/v1/volumeAttachment.ts'
import type { Informers } from '#client/informers.ts'
import type { WatchedResource } from './plugin.ts'
import type { Profile } from './profile.ts'
import type { ClusterChange } from './queue.ts'

type Follow = (informers: Informers, tell: (change: ClusterChange) => void) => () => Disposable

/** Every kind but nodes and pods, which the scheduler follows anyway. */
const followers: Readonly<Record<Exclude<WatchedResource, 'nodes' | 'pods'>, Follow>> = {
  namespaces: follower(namespaces, 'namespaces'),
  persistentvolumeclaims: follower(persistentVolumeClaims, 'persistentvolumeclaims'),
  persistentvolumes: follower(persistentVolumes, 'persistentvolumes'),
  storageclasses: follower(storageClasses, 'storageclasses'),
  csinodes: follower(csiNodes, 'csinodes'),
  csidrivers: follower(csiDrivers, 'csidrivers'),
  csistoragecapacities: follower(csiStorageCapacities, 'csistoragecapacities'),
  volumeattachments: follower(volumeAttachments, 'volumeattachments'),
}

function follower<T extends KubeObject>(resource: Resource<T>, name: WatchedResource): Follow {
  return (informers, tell) => {
    const informer = informers.of(resource)
    return () =>
      informer.onChange(({ old, new: object }) => {
        const action = old === undefined ? 'add' : object === undefined ? 'delete' : 'update'
        tell({ resource: name, action, object, oldObject: old })
      })
  }
}

/** Follows the kinds that wake pods by some plugin; what it returns begins to tell of changes, until it is disposed of. */
export function followWatched(
  informers: Informers,
  profiles: Iterable<Profile>,
  tell: (change: ClusterChange) => void,
): () => Disposable {
  const resources = new Set<WatchedResource>()
  for (const { rules } of profiles) {
    for (const { event } of [...rules.values()].flat()) resources.add(event.resource)
  }
  const begins = [...resources].flatMap((resource) =>
    resource === 'nodes' || resource === 'pods' ? [] : [followers[resource](informers, tell)],
  )
  return () => {
    const stack = new DisposableStack()
    for (const begin of begins) stack.use(begin())
    return stack
  }
}

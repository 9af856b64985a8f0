import type { PersistentVolume } from '#api/core/v1/persistentVolume.ts'
import { keyOf } from '#client/index.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import type { PersistentVolumeClaim } from '#api/core/v1/persistentVolumeClaim.ts'
import type { StorageClass } from '#api/storage/v1/storageClass.ts'
import type { Plugin, WakeChange } from '#scheduler/plugin.ts'
import type { NodeView } from '#scheduler/snapshot.ts'
import type { VolumeObjects } from '#scheduler/volumes/volumeObjects.ts'

/** Labels of volumes and nodes that say where they are, with the name of today for each. */
const labelsOfPlaces: Readonly<Record<string, string>> = {
  'failure-domain.beta.kubernetes.io/zone': 'topology.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region': 'topology.kubernetes.io/region',
  'topology.kubernetes.io/zone': 'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region': 'topology.kubernetes.io/region',
}

/** Where a volume is: a label, and the values of it from which the volume can be used. */
interface Place {
  readonly label: string
  readonly values: readonly string[]
}

/** Keeps pods in the zones and regions of the volumes that they are bound to, as far as labels of volumes tell them. */
export function volumeZone(objects: VolumeObjects): Plugin<readonly Place[]> {
  return {
    name: 'VolumeZone',
    prepare(pod) {
      const places: Place[] = []
      for (const { persistentVolumeClaim } of pod.spec.volumes ?? []) {
        if (persistentVolumeClaim === undefined) continue
        const claim = objects.claim(`${pod.metadata.namespace ?? ''}/${persistentVolumeClaim.claimName}`)
        const volume = objects.volume(claim?.spec.volumeName ?? '')
        if (volume !== undefined) places.push(...placesOf(volume))
      }
      return places.length === 0 ? 'skip' : places
    },
    filter(_pod, node, places) {
      if (isWithin(node, places)) return undefined
      const cause = { kind: 'volume', problem: 'elsewhere' } as const
      return { reason: 'node(s) had no available volume zone', forever: true, cause }
    },
    sieve(_pod, { nodes }, places, rejected) {
      for (let at = 0; at < nodes.length; at++)
        if (rejected[at] === 0 && !isWithin(nodes[at]!, places)) rejected[at] = 1
    },
    wakesOn: [
      {
        event: { resource: 'storageclasses', action: 'add' },
        helps: ({ object }) => (object as StorageClass).volumeBindingMode === 'WaitForFirstConsumer',
      },
      { event: { resource: 'nodes', action: 'add' } },
      {
        event: { resource: 'nodes', action: 'update' },
        helps: ({ node, oldNode }) => !sameJson(node?.metadata.labels ?? {}, oldNode?.metadata.labels ?? {}),
      },
      { event: { resource: 'persistentvolumeclaims', action: 'add' }, helps: isOwnClaim },
      { event: { resource: 'persistentvolumeclaims', action: 'update' }, helps: isOwnClaim },
      { event: { resource: 'persistentvolumes', action: 'add' } },
      {
        event: { resource: 'persistentvolumes', action: 'update' },
        helps: ({ object, oldObject }) =>
          !sameJson(placesOf(object as PersistentVolume), placesOf(oldObject as PersistentVolume)),
      },
    ],
  }
}

function isOwnClaim({ pod, object }: WakeChange): boolean {
  const key = keyOf((object as PersistentVolumeClaim).metadata)
  return (pod.spec.volumes ?? []).some(
    ({ persistentVolumeClaim }) => `${pod.metadata.namespace ?? ''}/${persistentVolumeClaim?.claimName}` === key,
  )
}

/** Values are parted by `__`, as cloud providers write them for volumes of several zones. */
function placesOf({ metadata }: PersistentVolume): readonly Place[] {
  return Object.keys(labelsOfPlaces).flatMap((label) => {
    const values = metadata.labels?.[label]?.split('__').map((value) => value.trim())
    return values === undefined || values.includes('') ? [] : [{ label, values }]
  })
}

/** A node that says nothing of where it is may be anywhere. */
function isWithin({ node }: NodeView, places: readonly Place[]): boolean {
  const labels = node.metadata.labels ?? {}
  if (!Object.keys(labelsOfPlaces).some((label) => labels[label] !== undefined)) return true
  return places.every(({ label, values }) => {
    const value = labels[label] ?? labels[labelsOfPlaces[label]!]
    return value !== undefined && values.includes(value)
  })
}

import type { PersistentVolume } from '#api/core/v1/persistentVolume.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import { keyOf } from '#client/index.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import type { PersistentVolumeClaim } from '#api/core/v1/persistentVolumeClaim.ts'
import type { StorageClass } from '#api/storage/v1/storageClass.ts'
import { classOfClaim } from '#machinery/volumeBinding.ts'
import type { Plugin, Rejection, VolumeProblem, WakeChange } from '#scheduler/plugin.ts'
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
        const found = volumeOf(pod, persistentVolumeClaim.claimName, objects)
        if (found === undefined) continue
        if ('reason' in found) return found
        places.push(...placesOf(found))
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

/** The volume of a claim; undefined when it gets one once its pod is placed. A claim without either turns the pod down. */
function volumeOf(pod: Pod, claimName: string, objects: VolumeObjects): PersistentVolume | Rejection | undefined {
  const reject = (reason: string, problem: VolumeProblem): Rejection => {
    return { reason, forever: true, cause: { kind: 'volume', problem, claim: claimName } }
  }
  const claim = objects.claim(`${pod.metadata.namespace ?? ''}/${claimName}`)
  if (claim === undefined) return reject(`persistentvolumeclaim ${JSON.stringify(claimName)} not found`, 'missingClaim')
  const { volumeName = '' } = claim.spec
  if (volumeName !== '') {
    const missing = `persistentvolume ${JSON.stringify(volumeName)} not found`
    return objects.volume(volumeName) ?? reject(missing, 'missingVolume')
  }
  const className = classOfClaim(claim)
  if (className === '') return reject('PersistentVolumeClaim had no pv name and storageClass name', 'unbound')
  const storageClass = objects.storageClass(className)
  if (storageClass === undefined) {
    return reject(`storageclass.storage.k8s.io ${JSON.stringify(className)} not found`, 'unusableClaim')
  }
  if (storageClass.volumeBindingMode === 'WaitForFirstConsumer') return undefined
  return reject('PersistentVolume had no name', 'unbound')
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

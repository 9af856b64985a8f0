import type { Pod } from '#api/core/v1/pod.ts'
import type { PersistentVolumeClaim } from '#api/core/v1/persistentVolumeClaim.ts'
import type { Volume } from '#api/core/v1/volume.ts'
import { keyOf } from '#client/index.ts'
import { claimsOf } from '#machinery/podReferences.ts'
import type { Plugin } from '#scheduler/plugin.ts'
import type { VolumeObjects } from '#scheduler/volumes/volumeObjects.ts'

interface State {
  /** Disks that the pod mounts without a claim. */
  readonly disks: readonly Volume[]
  /** Claims of the pod that only one pod may use. */
  readonly exclusive: ReadonlySet<string>
  /** How many pods use one of these, on whatever node. */
  readonly users: number
}

/** Keeps pods from disks and claims that others use and that cannot be shared. */
export function volumeRestrictions(objects: VolumeObjects): Plugin<State> {
  return {
    name: 'VolumeRestrictions',
    prepare(pod, { nodes }) {
      const { volumes = [] } = pod.spec
      if (volumes.length === 0) return 'skip'
      const exclusive = new Set<string>()
      for (const { persistentVolumeClaim } of volumes) {
        if (persistentVolumeClaim === undefined) continue
        const key = `${pod.metadata.namespace ?? ''}/${persistentVolumeClaim.claimName}`
        const claim = objects.claim(key)
        if (claim === undefined) {
          const { claimName } = persistentVolumeClaim
          const reason = `persistentvolumeclaim ${JSON.stringify(claimName)} not found`
          return { reason, forever: true, cause: { kind: 'volume', problem: 'missingClaim', claim: claimName } }
        }
        if (isExclusive(claim)) exclusive.add(key)
      }
      const disks = volumes.filter(isDisk)
      const users = exclusive.size === 0 ? 0 : countUsers(nodes, exclusive)
      return disks.length === 0 && users === 0 ? 'skip' : { disks, exclusive, users }
    },
    adjust(state, _pod, _node, { added, removed }) {
      const count = (pods: readonly Pod[]): number => pods.reduce((sum, pod) => sum + usesOf(pod, state.exclusive), 0)
      return { ...state, users: state.users + count(added) - count(removed) }
    },
    filter(_pod, { pods }, { disks, users }) {
      if (disks.some((disk) => pods.some((pod) => pod.spec.volumes?.some((other) => areInConflict(disk, other))))) {
        return { reason: 'node(s) had no available disk', cause: { kind: 'volume', problem: 'diskInUse' } }
      }
      if (users === 0) return undefined
      const reason = 'node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode'
      return { reason, cause: { kind: 'volume', problem: 'claimInUse' } }
    },
    wakesOn: [
      {
        event: { resource: 'pods', action: 'delete' },
        helps: ({ pod, oldChangedPod }) => oldChangedPod !== undefined && sharesVolume(pod, oldChangedPod),
      },
      { event: { resource: 'nodes', action: 'add' } },
      {
        event: { resource: 'persistentvolumeclaims', action: 'add' },
        helps: ({ pod, object }) => namesClaim(pod, object),
      },
      {
        event: { resource: 'persistentvolumeclaims', action: 'update' },
        helps: ({ pod, object }) => namesClaim(pod, object),
      },
    ],
  }
}

function isExclusive({ spec }: PersistentVolumeClaim): boolean {
  return spec.accessModes?.includes('ReadWriteOncePod') === true
}

function countUsers(nodes: readonly { readonly pods: readonly Pod[] }[], claims: ReadonlySet<string>): number {
  let count = 0
  for (const { pods } of nodes) for (const pod of pods) count += usesOf(pod, claims)
  return count
}

function usesOf(pod: Pod, claims: ReadonlySet<string>): number {
  if (pod.spec.volumes === undefined) return 0
  return claimsOf(pod).filter((key) => claims.has(key)).length
}

function namesClaim(pod: Pod, claim: unknown): boolean {
  return claimsOf(pod).includes(keyOf((claim as PersistentVolumeClaim).metadata))
}

function sharesVolume(pod: Pod, gone: Pod): boolean {
  const claims = new Set(claimsOf(pod))
  if (claimsOf(gone).some((key) => claims.has(key))) return true
  const disks = pod.spec.volumes?.filter(isDisk) ?? []
  return disks.some((disk) => gone.spec.volumes?.some((other) => areInConflict(disk, other)) === true)
}

function isDisk({ gcePersistentDisk, awsElasticBlockStore, rbd, iscsi }: Volume): boolean {
  return [gcePersistentDisk, awsElasticBlockStore, rbd, iscsi].some((disk) => disk !== undefined)
}

/** Whether two volumes are one disk that cannot be mounted twice on a node, at least not for writing. */
function areInConflict(one: Volume, other: Volume): boolean {
  const areWritten = (...disks: readonly { readonly readOnly?: boolean }[]): boolean =>
    !disks.every(({ readOnly }) => readOnly === true)
  const [gce, otherGce] = [one.gcePersistentDisk, other.gcePersistentDisk]
  if (gce !== undefined && otherGce !== undefined && gce.pdName === otherGce.pdName && areWritten(gce, otherGce))
    return true
  const [ebs, otherEbs] = [one.awsElasticBlockStore, other.awsElasticBlockStore]
  if (ebs !== undefined && ebs.volumeID === otherEbs?.volumeID) return true
  const [iscsi, otherIscsi] = [one.iscsi, other.iscsi]
  if (
    iscsi !== undefined &&
    otherIscsi !== undefined &&
    iscsi.iqn === otherIscsi.iqn &&
    areWritten(iscsi, otherIscsi)
  ) {
    return true
  }
  const [rbd, otherRbd] = [one.rbd, other.rbd]
  if (rbd === undefined || otherRbd === undefined) return false
  const isSame = (rbd.pool ?? 'rbd') === (otherRbd.pool ?? 'rbd') && rbd.image === otherRbd.image
  return isSame && rbd.monitors.some((monitor) => otherRbd.monitors.includes(monitor)) && areWritten(rbd, otherRbd)
}

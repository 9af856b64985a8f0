import type { PersistentVolume } from '#api/core/v1/persistentVolume.ts'
import type { PersistentVolumeClaim } from '#api/core/v1/persistentVolumeClaim.ts'
import type { Node } from '#api/core/v1/node.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { LocalVolumeSource } from '#api/core/v1/persistentVolume.ts'
import type { Volume } from '#api/core/v1/volume.ts'
import { matchesNodeTerm } from '#machinery/nodeSelector.ts'
import { ephemeralClaimName } from '#machinery/podReferences.ts'
import { usedVolumes } from './planVolumes.ts'
import { allContainers } from './podView.ts'

/** What is to be mounted: a volume of the pod itself, or what stands behind its claim. Has the name that events say. */
export interface VolumeSource extends Volume {
  readonly local?: LocalVolumeSource
}

/** A claim and the volume it is bound to. */
export interface ClaimedVolume {
  readonly claim: PersistentVolumeClaim
  readonly volume: PersistentVolume
}

/** The claim behind a volume of a pod; undefined when there is none. */
export function claimNameOf(pod: Pod, volume: Volume): string | undefined {
  if (volume.persistentVolumeClaim !== undefined) return volume.persistentVolumeClaim.claimName
  return volume.ephemeral === undefined ? undefined : ephemeralClaimName(pod.metadata.name, volume.name)
}

/** Whether some volume that containers use is behind a claim. */
export function hasClaims(pod: Pod): boolean {
  return usedVolumes(pod).some((volume) => claimNameOf(pod, volume) !== undefined)
}

/** How often a pod looks whether its claims are bound by now: a node cannot watch them. Milliseconds. */
export const claimBackoff = { first: 1_000, most: 10_000 }

/** Why a pod may not start with this claim yet; undefined when it may. */
export function claimProblem(claim: PersistentVolumeClaim): string | undefined {
  if (claim.metadata.deletionTimestamp !== undefined) return 'PVC is being deleted'
  if (claim.status?.phase !== 'Bound') return 'PVC is not bound'
  if ((claim.spec.volumeName ?? '') === '') return 'PVC has empty pvc.Spec.VolumeName'
  return undefined
}

/** Why the claim of an ephemeral volume is not that of the pod; undefined when it is. */
export function ownerProblem(pod: Pod, claim: PersistentVolumeClaim): string | undefined {
  const isOwned = claim.metadata.ownerReferences?.some(
    ({ controller, uid }) => controller === true && uid === pod.metadata.uid,
  )
  if (isOwned === true) return undefined
  const { namespace, name } = claim.metadata
  return `PVC ${namespace}/${name} was not created for pod ${pod.metadata.namespace}/${pod.metadata.name} (pod is not owner)`
}

/** Why a volume is not that of the claim that names it; undefined when it is. */
export function bindingProblem(claim: PersistentVolumeClaim, volume: PersistentVolume): string | undefined {
  const { name } = volume.metadata
  const { claimRef } = volume.spec
  if (claimRef === undefined) {
    return `found PV object ${name} but it has a nil pv.Spec.ClaimRef indicating it is not yet bound to the claim`
  }
  if (claimRef.uid === claim.metadata.uid) return undefined
  return `found PV object ${name} but its pv.Spec.ClaimRef.UID ${claimRef.uid ?? ''} does not point to claim.UID ${claim.metadata.uid}`
}

/** Whether containers ask for the volume as what it is not: files as a device, or a device as files. */
export function modeProblem(pod: Pod, name: string, { volumeMode = 'Filesystem' }: PersistentVolume['spec']) {
  const containers = allContainers(pod).map(({ container }) => container)
  const isMounted = containers.some(({ volumeMounts }) => volumeMounts?.some((mount) => mount.name === name))
  const isDevice = containers.some(({ volumeDevices }) => volumeDevices?.some((device) => device.name === name))
  const problem = (field: string): string => `volume ${name} has volumeMode ${volumeMode}, but is specified in ${field}`
  if (isMounted && volumeMode !== 'Filesystem') return problem('volumeMounts')
  return isDevice && volumeMode !== 'Block' ? problem('volumeDevices') : undefined
}

/** Whether a volume may be used on this node. */
export function isOfNode({ spec }: PersistentVolume, node: Node | undefined): boolean {
  const required = spec.nodeAffinity?.required
  if (required === undefined || node === undefined) return true
  return required.nodeSelectorTerms.some((term) => matchesNodeTerm(term, node))
}

/** The source of a bound volume, under the volume's own name. */
export function sourceOf({ metadata, spec }: PersistentVolume): VolumeSource {
  const {
    accessModes: _modes,
    capacity: _capacity,
    claimRef: _claimRef,
    mountOptions: _options,
    nodeAffinity: _affinity,
    persistentVolumeReclaimPolicy: _policy,
    storageClassName: _class,
    volumeAttributesClassName: _attributes,
    volumeMode: _mode,
    ...source
  } = spec
  return { ...source, name: metadata.name } as VolumeSource
}

/** The text of the event about volumes that could not even be looked up; `processed` are those that could, and fail otherwise. */
export function unprocessedMessage(problems: ReadonlyMap<string, string>): string {
  const names = [...problems.keys()].toSorted().join(' ')
  return `Unable to attach or mount volumes: unmounted volumes=[${names}], unattached volumes=[], failed to process volumes=[${names}]: ${[...problems.values()].join('; ')}`
}

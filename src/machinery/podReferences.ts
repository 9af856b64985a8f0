// Which other objects of its namespace a pod needs, by what its template says.
import type { Container } from '#api/core/v1/container.ts'
import type { PersistentVolumeClaim } from '#api/core/v1/persistentVolumeClaim.ts'
import type { Pod, PodSpec } from '#api/core/v1/pod.ts'
import type { Volume } from '#api/core/v1/volume.ts'
import { isControlledBy } from './owners.ts'

/** Names, each once. */
export interface PodReferences {
  readonly secrets: ReadonlySet<string>
  readonly configMaps: ReadonlySet<string>
  readonly claims: ReadonlySet<string>
  readonly trustBundles: boolean
}

/** Everything that a pod's volumes, variables and image pulls name. Claims that are made for the pod are not among them. */
export function podReferences(spec: PodSpec): PodReferences {
  const [secrets, configMaps, claims] = [new Set<string>(), new Set<string>(), new Set<string>()]
  let trustBundles = false
  const add = (names: Set<string>, name: string | undefined): void => {
    if (name !== undefined && name !== '') names.add(name)
  }
  for (const { name } of spec.imagePullSecrets ?? []) add(secrets, name)
  const containers = [...spec.containers, ...(spec.initContainers ?? []), ...(spec.ephemeralContainers ?? [])]
  for (const { env = [], envFrom = [] } of containers as readonly Container[]) {
    for (const { valueFrom } of env) {
      add(secrets, valueFrom?.secretKeyRef?.name)
      add(configMaps, valueFrom?.configMapKeyRef?.name)
    }
    for (const { secretRef, configMapRef } of envFrom) {
      add(secrets, secretRef?.name)
      add(configMaps, configMapRef?.name)
    }
  }
  for (const volume of spec.volumes ?? []) {
    for (const name of volumeSecrets(volume)) add(secrets, name)
    add(configMaps, volume.configMap?.name)
    add(claims, volume.persistentVolumeClaim?.claimName)
    for (const { secret, configMap, clusterTrustBundle } of volume.projected?.sources ?? []) {
      add(secrets, secret?.name)
      add(configMaps, configMap?.name)
      trustBundles ||= clusterTrustBundle !== undefined
    }
  }
  return { secrets, configMaps, claims, trustBundles }
}

function volumeSecrets(volume: Volume): readonly (string | undefined)[] {
  const { cephfs, cinder, flexVolume, rbd, scaleIO, iscsi, storageos } = volume
  const referring = [cephfs, cinder, flexVolume, rbd, scaleIO, iscsi, storageos]
  return [
    volume.secret?.secretName,
    volume.azureFile?.secretName,
    volume.csi?.nodePublishSecretRef?.name,
    ...referring.map((source) => source?.secretRef?.name),
  ]
}

/** The name of the claim that is made for an ephemeral volume of a pod. */
export function ephemeralClaimName(pod: string, volume: string): string {
  return `${pod}-${volume}`
}

/** The claims that a pod names and those that are made for it, as `namespace/name`. */
export function claimsOf({ metadata, spec }: Pod): readonly string[] {
  if (spec.volumes === undefined) return []
  const keys: string[] = []
  for (const { name, persistentVolumeClaim, ephemeral } of spec.volumes) {
    const claim = ephemeral === undefined ? persistentVolumeClaim?.claimName : ephemeralClaimName(metadata.name, name)
    if (claim !== undefined) keys.push(`${metadata.namespace ?? ''}/${claim}`)
  }
  return keys
}

/** Why a claim is not the one that was made for a volume of this pod, in Kubernetes' words; undefined when it is. */
export function foreignClaimProblem(pod: Pod, claim: PersistentVolumeClaim): string | undefined {
  if (claim.metadata.namespace === pod.metadata.namespace && isControlledBy(claim, pod)) return undefined
  const nameOf = ({ metadata }: Pod | PersistentVolumeClaim): string => `${metadata.namespace ?? ''}/${metadata.name}`
  return `PVC ${nameOf(claim)} was not created for pod ${nameOf(pod)} (pod is not owner)`
}

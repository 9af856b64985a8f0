// Which objects the pods of a node need. Pods are taken in when a node asks for the first time, and followed from then on:
//
//     pod a/web on n1, mounts secret s    secrets/a/s → n1: 1    serviceaccounts/a/default → n1: 1
//     and pod a/db on n1 and n2, too      secrets/a/s → n1: 2, n2: 1
//
// What volumes need is followed when it is asked for: there are few of them.
import { persistentVolumes, type PersistentVolume } from '#api/core/v1/persistentVolume.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import { ephemeralClaimName, podReferences } from '#machinery/podReferences.ts'
import type { ClusterView } from '../../admission/chain.ts'
import type { Kinds } from '../../kind.ts'
import type { StoredObject } from '../../storedObject.ts'

const mirrorAnnotation = 'kubernetes.io/config.mirror'

/** Kinds whose objects pods refer to by name. */
export type Referenced =
  | 'pods'
  | 'secrets'
  | 'configmaps'
  | 'persistentvolumeclaims'
  | 'serviceaccounts'
  | 'resourceclaims'

export class NodeRelations {
  readonly #kinds: Kinds
  readonly #cluster: ClusterView
  /** How many pods of each node need an object, by `plural/namespace/name`. */
  readonly #needed = new Map<string, Map<string, number>>()
  #follows = false

  constructor(kinds: Kinds, cluster: ClusterView) {
    this.#kinds = kinds
    this.#cluster = cluster
  }

  /** Whether some pod of the node needs this object. */
  needs(node: string, plural: Referenced, namespace: string, name: string): boolean {
    this.#follow()
    if (this.#needed.get(`${plural}/${namespace}/${name}`)?.has(node) === true) return true
    return plural === 'secrets' && this.#volumesNeed(node, namespace, name)
  }

  /** Whether the volume is bound to a claim that some pod of the node needs. */
  needsVolume(node: string, name: string): boolean {
    const volume = this.#cluster.get(persistentVolumes, '', name)
    return volume !== undefined && this.#usesVolume(node, volume)
  }

  #usesVolume(node: string, { spec }: PersistentVolume): boolean {
    const { namespace = '', name = '' } = spec.claimRef ?? {}
    return name !== '' && this.needs(node, 'persistentvolumeclaims', namespace, name)
  }

  #volumesNeed(node: string, namespace: string, name: string): boolean {
    return this.#cluster
      .list(persistentVolumes, '')
      .some(
        (volume) =>
          secretsOfVolume(volume).some((each) => each.namespace === namespace && each.name === name) &&
          this.#usesVolume(node, volume),
      )
  }

  #follow(): void {
    if (this.#follows) return
    this.#follows = true
    this.#kinds.of(pods)?.cache.observe((now, before) => this.#podChanged(now, before))
  }

  #podChanged(now?: StoredObject, before?: StoredObject): void {
    const [pod, old] = [now?.object as Pod | undefined, before?.object as Pod | undefined]
    if (pod !== undefined && old !== undefined && needsTheSame(pod, old)) return
    if (old !== undefined) this.#count(old, -1)
    if (pod !== undefined) this.#count(pod, 1)
  }

  #count(pod: Pod, by: 1 | -1): void {
    const node = pod.spec.nodeName ?? ''
    if (node === '') return
    for (const key of keysOf(pod)) {
      let nodes = this.#needed.get(key)
      if (nodes === undefined) this.#needed.set(key, (nodes = new Map()))
      const count = (nodes.get(node) ?? 0) + by
      if (count > 0) nodes.set(node, count)
      else nodes.delete(node)
      if (nodes.size === 0) this.#needed.delete(key)
    }
  }
}

/** Whether a change of a pod leaves what it needs as it was: all but its node and a few lists is fixed. */
function needsTheSame(pod: Pod, old: Pod): boolean {
  return (
    pod.metadata.uid === old.metadata.uid &&
    pod.spec.nodeName === old.spec.nodeName &&
    pod.spec.ephemeralContainers?.length === old.spec.ephemeralContainers?.length &&
    pod.status?.resourceClaimStatuses?.length === old.status?.resourceClaimStatuses?.length
  )
}

/** The pod itself and all that it needs. A mirror pod needs nothing: its node would decide what that is. */
function* keysOf({ metadata, spec, status }: Pod): Generator<string> {
  const { name, namespace = '' } = metadata
  yield `pods/${namespace}/${name}`
  if (metadata.annotations?.[mirrorAnnotation] !== undefined) return
  yield `serviceaccounts/${namespace}/${spec.serviceAccountName ?? ''}`
  const { secrets, configMaps, claims } = podReferences(spec)
  for (const each of secrets) yield `secrets/${namespace}/${each}`
  for (const each of configMaps) yield `configmaps/${namespace}/${each}`
  for (const each of claims) yield `persistentvolumeclaims/${namespace}/${each}`
  for (const volume of spec.volumes ?? []) {
    if (volume.ephemeral !== undefined) {
      yield `persistentvolumeclaims/${namespace}/${ephemeralClaimName(name, volume.name)}`
    }
  }
  for (const { resourceClaimName = '' } of [...(spec.resourceClaims ?? []), ...(status?.resourceClaimStatuses ?? [])]) {
    if (resourceClaimName !== '') yield `resourceclaims/${namespace}/${resourceClaimName}`
  }
}

/** The Secrets with which a node mounts a volume. One without a namespace is in that of the claim. */
function secretsOfVolume({ spec }: PersistentVolume): { readonly namespace: string; readonly name: string }[] {
  const { azureFile, csi } = spec
  const references = [
    spec.cephfs?.secretRef,
    spec.cinder?.secretRef,
    spec.flexVolume?.secretRef,
    spec.rbd?.secretRef,
    spec.scaleIO?.secretRef,
    spec.iscsi?.secretRef,
    spec.storageos?.secretRef,
    csi?.nodePublishSecretRef,
    csi?.nodeStageSecretRef,
    csi?.nodeExpandSecretRef,
    ...(azureFile === undefined ? [] : [{ name: azureFile.secretName, namespace: azureFile.secretNamespace }]),
  ]
  return references.flatMap((reference) =>
    (reference?.name ?? '') === ''
      ? []
      : [{ name: reference!.name!, namespace: reference!.namespace ?? spec.claimRef?.namespace ?? '' }],
  )
}

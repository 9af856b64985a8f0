import type { Node } from '#api/core/v1/node.ts'
import type { PersistentVolume } from '#api/core/v1/persistentVolume.ts'
import type { PersistentVolumeClaim } from '#api/core/v1/persistentVolumeClaim.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { CSIStorageCapacity } from '#api/storage/v1/csiStorageCapacity.ts'
import type { StorageClass } from '#api/storage/v1/storageClass.ts'
import { keyOf } from '#client/index.ts'
import { matchesLabelSelector } from '#machinery/labelSelector.ts'
import { ephemeralClaimName, foreignClaimProblem } from '#machinery/podReferences.ts'
import { compareQuantities } from '#machinery/quantity.ts'
import {
  bindCompleted,
  classOfClaim,
  classOfVolume,
  findVolume,
  noProvisioner,
  requestOf,
  selectedNode,
} from '#machinery/volumeBinding.ts'
import { nodeTestOf, VolumeChoice, type NodeTest } from './nodeChoice.ts'
import type { VolumeProblem } from '#scheduler/plugin.ts'
import type { VolumeObjects } from './volumeObjects.ts'

/** A claim with the volume that it shall get. */
export interface StaticBinding {
  readonly claim: PersistentVolumeClaim
  readonly volume: PersistentVolume
}

/** What becomes of a pod's claims on one node. */
export interface NodeVolumes {
  readonly bindings: readonly StaticBinding[]
  /** Claims for which a volume is made there. */
  readonly provisions: readonly PersistentVolumeClaim[]
}

export const unboundImmediate = 'pod has unbound immediate PersistentVolumeClaims'
const nodeConflict = 'node(s) had volume node affinity conflict'
const bindConflict = "node(s) didn't find available persistent volumes to bind"
const notEnoughSpace = 'node(s) did not have enough free storage'
const volumeMissing = 'node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)'

/** What the reasons against a node come from. */
export const problemOfReason: Readonly<Record<string, VolumeProblem>> = {
  [nodeConflict]: 'elsewhere',
  [bindConflict]: 'noneToBind',
  [notEnoughSpace]: 'noSpace',
  [volumeMissing]: 'missingVolume',
}

/** The claims of a pod, or why it cannot be placed anywhere. */
export function claimsOfPod(pod: Pod, objects: VolumeObjects): readonly PersistentVolumeClaim[] | string {
  const claims: PersistentVolumeClaim[] = []
  for (const { name: volume, persistentVolumeClaim, ephemeral } of pod.spec.volumes ?? []) {
    const name =
      persistentVolumeClaim !== undefined
        ? persistentVolumeClaim.claimName
        : ephemeral === undefined
          ? undefined
          : ephemeralClaimName(pod.metadata.name, volume)
    if (name === undefined) continue
    const is = `persistentvolumeclaim ${JSON.stringify(name)}`
    const claim = objects.claim(`${pod.metadata.namespace ?? ''}/${name}`)
    if (claim === undefined) {
      return ephemeral === undefined ? `${is} not found` : `waiting for ephemeral volume controller to create the ${is}`
    }
    if (claim.status?.phase === 'Lost') {
      return `${is} bound to non-existent persistentvolume ${JSON.stringify(claim.spec.volumeName ?? '')}`
    }
    if (claim.metadata.deletionTimestamp !== undefined) return `${is} is being deleted`
    const problem = ephemeral === undefined ? undefined : foreignClaimProblem(pod, claim)
    if (problem !== undefined) return problem
    claims.push(claim)
  }
  return claims
}

/** What one pod's claims mean for every node; made once for each attempt. */
export class PodVolumes {
  readonly #objects: VolumeObjects
  /** Of the volumes that the pod's claims are bound to and that not every node can use. */
  readonly #tests: readonly NodeTest[]
  readonly #isVolumeMissing: boolean
  /** Claims that wait for the pod to be placed, the smallest first. */
  readonly #delayed: readonly DelayedClaim[]
  /** Whether all nodes are alike. */
  readonly isSame: boolean

  private constructor(
    objects: VolumeObjects,
    bound: readonly PersistentVolumeClaim[],
    delayed: readonly PersistentVolumeClaim[],
  ) {
    this.#objects = objects
    const volumes = bound.map(({ spec }) => objects.volume(spec.volumeName ?? ''))
    this.#isVolumeMissing = volumes.includes(undefined)
    this.#tests = volumes.flatMap((volume) => (volume === undefined ? [] : (nodeTestOf(volume) ?? [])))
    this.#delayed = delayed
      .toSorted((a, b) => compareQuantities(requestOf(a), requestOf(b)))
      .map((claim) => delayedClaim(claim, objects))
    this.isSame =
      !this.#isVolumeMissing && this.#tests.length === 0 && this.#delayed.every((claim) => claim.isSameEverywhere)
  }

  /** Undefined where a claim should have been bound before. */
  static of(claims: readonly PersistentVolumeClaim[], objects: VolumeObjects): PodVolumes | undefined {
    const bound = claims.filter(isBound)
    const delayed = claims.filter((claim) => !isBound(claim) && waitsForPod(claim, objects))
    return bound.length + delayed.length < claims.length ? undefined : new PodVolumes(objects, bound, delayed)
  }

  /** Whether nothing has to be done once a node is chosen. */
  get isSettled(): boolean {
    return this.#delayed.length === 0
  }

  /** Why a node will not do, all reasons in Kubernetes' order; none: it will. */
  reasonsAgainst(node: Node): readonly string[] {
    const labels = node.metadata.labels ?? {}
    const reasons: string[] = []
    if (!this.#tests.every((test) => test(labels))) reasons.push(nodeConflict)
    const choice = this.#delayed.length === 0 ? undefined : this.choose(node)
    if (choice === bindConflict || choice === notEnoughSpace) reasons.push(choice)
    if (this.#isVolumeMissing) reasons.push(volumeMissing)
    return reasons
  }

  /** What becomes of the claims that wait, on this node; or the reason why it will not do. */
  choose(node: Node): NodeVolumes | typeof bindConflict | typeof notEnoughSpace {
    const bindings: StaticBinding[] = []
    const provisions: DelayedClaim[] = []
    const taken = new Set<string>()
    for (const delayed of this.#delayed) {
      if (delayed.node !== undefined && delayed.node !== node.metadata.name) return bindConflict
      const volume = delayed.node === undefined ? delayed.find(node, taken) : undefined
      if (volume === undefined) {
        provisions.push(delayed)
        continue
      }
      taken.add(volume.metadata.name)
      bindings.push({ claim: delayed.claim, volume })
    }
    for (const { claim, storageClass } of provisions) {
      const reason = reasonAgainstMaking(claim, storageClass, node, this.#objects)
      if (reason !== undefined) return reason
    }
    return { bindings, provisions: provisions.map(({ claim }) => claim) }
  }
}

interface DelayedClaim {
  readonly claim: PersistentVolumeClaim
  readonly storageClass: StorageClass | undefined
  /** The node for which a volume is being made already. */
  readonly node: string | undefined
  readonly isSameEverywhere: boolean
  find(node: Node, taken: ReadonlySet<string>): PersistentVolume | undefined
}

function delayedClaim(claim: PersistentVolumeClaim, objects: VolumeObjects): DelayedClaim {
  const className = classOfClaim(claim)
  const storageClass = objects.storageClass(className)
  const node = claim.metadata.annotations?.[selectedNode]
  const reserved = objects.reserved(keyOf(claim.metadata)).filter((volume) => classOfVolume(volume) === className)
  const own = findVolume(claim, { reserved, free: [] })
  const choice = new VolumeChoice(claim, own === undefined ? objects.free(className) : [])
  const test = own === undefined ? undefined : nodeTestOf(own)
  return {
    claim,
    storageClass,
    node,
    isSameEverywhere:
      node === undefined && own === undefined && choice.isEmpty && canMakeEverywhere(storageClass, objects),
    find(on, taken) {
      if (own === undefined) return choice.find(on, taken)
      return test === undefined || test(on.metadata.labels ?? {}) ? own : undefined
    },
  }
}

function canMakeEverywhere(storageClass: StorageClass | undefined, objects: VolumeObjects): boolean {
  if (storageClass === undefined || storageClass.provisioner === noProvisioner) return false
  if ((storageClass.allowedTopologies ?? []).length > 0) return false
  return objects.csiDriver(storageClass.provisioner)?.spec.storageCapacity !== true
}

/** Why no volume can be made for a claim on a node; undefined when one can. */
function reasonAgainstMaking(
  claim: PersistentVolumeClaim,
  storageClass: StorageClass | undefined,
  { metadata }: Node,
  objects: VolumeObjects,
): typeof bindConflict | typeof notEnoughSpace | undefined {
  if (storageClass === undefined || ['', noProvisioner].includes(storageClass.provisioner)) return bindConflict
  const labels = metadata.labels ?? {}
  const { allowedTopologies = [], provisioner } = storageClass
  const isAllowed =
    allowedTopologies.length === 0 ||
    allowedTopologies.some(({ matchLabelExpressions = [] }) =>
      matchLabelExpressions.every(({ key, values }) => values.includes(labels[key]!)),
    )
  if (!isAllowed) return bindConflict
  if (objects.csiDriver(provisioner)?.spec.storageCapacity !== true) return undefined
  const hasRoom = objects
    .capacities(storageClass.metadata.name)
    .some((capacity) => isLargeEnough(capacity, requestOf(claim)) && isReachable(capacity, labels))
  return hasRoom ? undefined : notEnoughSpace
}

/** How large a volume can be made; the largest single one is the better figure. */
export function limitOf({ capacity, maximumVolumeSize }: CSIStorageCapacity): string | undefined {
  return maximumVolumeSize ?? capacity
}

function isLargeEnough(capacity: CSIStorageCapacity, size: string): boolean {
  const limit = limitOf(capacity)
  return limit !== undefined && compareQuantities(limit, size) >= 0
}

function isReachable({ nodeTopology }: CSIStorageCapacity, labels: Readonly<Record<string, string>>): boolean {
  return nodeTopology !== undefined && matchesLabelSelector(nodeTopology, labels)
}

/** Whether a claim has its volume, with nothing left to be written. */
export function isBound({ metadata, spec }: PersistentVolumeClaim): boolean {
  return (spec.volumeName ?? '') !== '' && metadata.annotations?.[bindCompleted] !== undefined
}

/** Whether a claim is bound only once its pod is placed. One that names a volume is not. */
function waitsForPod(claim: PersistentVolumeClaim, objects: VolumeObjects): boolean {
  const storageClass = objects.storageClass(classOfClaim(claim))
  return storageClass?.volumeBindingMode === 'WaitForFirstConsumer' && (claim.spec.volumeName ?? '') === ''
}

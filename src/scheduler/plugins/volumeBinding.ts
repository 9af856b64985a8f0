import type { PersistentVolume } from '#api/core/v1/persistentVolume.ts'
import { persistentVolumeClaims, type PersistentVolumeClaim } from '#api/core/v1/persistentVolumeClaim.ts'
import type { Node } from '#api/core/v1/node.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { CSIDriver } from '#api/storage/v1/csiDriver.ts'
import type { CSINode } from '#api/storage/v1/csiNode.ts'
import type { CSIStorageCapacity } from '#api/storage/v1/csiStorageCapacity.ts'
import type { StorageClass } from '#api/storage/v1/storageClass.ts'
import { referenceTo } from '#client/events.ts'
import { keyOf } from '#client/index.ts'
import { compareResourceVersions } from '#client/resourceVersion.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { claimsOf } from '#machinery/podReferences.ts'
import { quantityValue } from '#machinery/quantity.ts'
import { boundByController, isReservedFor, isUsableFrom, selectedNode } from '#machinery/volumeBinding.ts'
import type { Plugin, Rejection, RejectionCause, WakeRule } from '#scheduler/plugin.ts'
import type { NodeView } from '#scheduler/snapshot.ts'
import {
  claimsOfPod,
  isBound,
  limitOf,
  PodVolumes,
  problemOfReason,
  unboundImmediate,
} from '#scheduler/volumes/podVolumes.ts'
import type { VolumeActions, VolumeChanges, VolumeObjects } from '#scheduler/volumes/volumeObjects.ts'

export interface VolumeBindingArguments {
  /** How long the claims of a pod may take to be bound once its node is chosen; 600 when absent. */
  readonly bindTimeoutSeconds?: number
}

interface State {
  readonly volumes: PodVolumes
  readonly nodes: Map<string, Node>
  /** What was set aside on the chosen node. */
  reserved?: VolumeChanges
}

/** Between two looks at claims that do not change. In milliseconds. */
const lookAgain = 5_000

/**
 * Places pods where the volumes of their claims are, or can be made; and has claims bound that wait for their pod, before
 * the pod is.
 */
export function volumeBinding(
  objects: VolumeObjects,
  actions: VolumeActions,
  { bindTimeoutSeconds = 600 }: VolumeBindingArguments = {},
): Plugin<State> {
  return {
    name: 'VolumeBinding',
    prepare(pod, { nodes }) {
      const claims = claimsOfPod(pod, objects)
      if (typeof claims === 'string')
        return { reason: claims, forever: true, cause: { kind: 'volume', problem: 'unusableClaim' } }
      if (claims.length === 0) return 'skip'
      const volumes = PodVolumes.of(claims, objects)
      if (volumes === undefined) {
        return { reason: unboundImmediate, forever: true, cause: { kind: 'volume', problem: 'unbound' } }
      }
      if (volumes.isSettled && volumes.isSame) return 'skip'
      return { volumes, nodes: volumes.isSettled ? new Map() : nodesByName(nodes) }
    },
    filter: (_pod, { node }, { volumes }) => (volumes.isSame ? undefined : rejectionOf(volumes.reasonsAgainst(node))),
    sieve(_pod, { nodes }, { volumes }, rejected) {
      if (volumes.isSame) return
      for (let at = 0; at < nodes.length; at++) {
        if (rejected[at] === 0 && volumes.reasonsAgainst(nodes[at]!.node).length > 0) rejected[at] = 1
      }
    },
    reserve(_pod, nodeName, state) {
      if (state.volumes.isSettled) return undefined
      const node = state.nodes.get(nodeName)
      const choice = node === undefined ? 'node(s) had volume node affinity conflict' : state.volumes.choose(node)
      if (typeof choice === 'string') return { reason: choice }
      const changes: VolumeChanges = {
        volumes: choice.bindings.map(({ volume, claim }) => reservedVolume(volume, claim)),
        claims: choice.provisions.map((claim) => withNode(claim, nodeName)),
      }
      state.reserved = changes
      actions.assume(changes)
      return undefined
    },
    unreserve(_pod, _node, { reserved }) {
      if (reserved !== undefined) actions.forget(reserved)
    },
    async preBind(_pod, nodeName, { reserved }, signal) {
      if (reserved === undefined) return
      const written: VolumeChanges = {
        volumes: await inOrder(reserved.volumes, (volume) => actions.writeVolume(volume, signal)),
        claims: await inOrder(reserved.claims, (claim) => actions.writeClaim(claim, signal)),
      }
      const claimed = written.volumes.map(
        ({ spec }) => `${spec.claimRef?.namespace ?? ''}/${spec.claimRef?.name ?? ''}`,
      )
      const keys = [...claimed, ...written.claims.map(({ metadata }) => keyOf(metadata))]
      const until = actions.clock.now() + bindTimeoutSeconds * 1_000
      while (!isDone(written, claimed, nodeName, actions)) {
        const left = until - actions.clock.now()
        if (left <= 0) throw new Error('binding volumes: context deadline exceeded')
        await actions.changed(keys, Math.min(left, lookAgain), signal)
        signal.throwIfAborted()
      }
    },
    wakesOn: wakeRules,
  }
}

const nodesByName = (nodes: readonly NodeView[]): Map<string, Node> =>
  new Map(nodes.map(({ name, node }) => [name, node]))

const causeOf = (reason: string): RejectionCause => ({
  kind: 'volume',
  problem: problemOfReason[reason] ?? 'unusableClaim',
})

function rejectionOf([reason, ...furtherReasons]: readonly string[]): Rejection | undefined {
  if (reason === undefined) return undefined
  const rejection = { reason, forever: true, cause: causeOf(reason) } as const
  if (furtherReasons.length === 0) return rejection
  return { ...rejection, furtherReasons, furtherCauses: furtherReasons.map(causeOf) }
}

/** A volume that is meant for a claim; the binder does the rest. */
function reservedVolume(volume: PersistentVolume, claim: PersistentVolumeClaim): PersistentVolume {
  const annotations = isReservedFor(volume, claim) ? {} : { [boundByController]: 'yes' }
  const all = { ...annotations, ...volume.metadata.annotations }
  const metadata = Object.keys(all).length === 0 ? volume.metadata : { ...volume.metadata, annotations: all }
  return { ...volume, metadata, spec: { ...volume.spec, claimRef: referenceTo(persistentVolumeClaims, claim) } }
}

function withNode(claim: PersistentVolumeClaim, node: string): PersistentVolumeClaim {
  const annotations = { ...claim.metadata.annotations, [selectedNode]: node }
  return { ...claim, metadata: { ...claim.metadata, annotations } }
}

async function inOrder<T>(items: readonly T[], write: (item: T) => Promise<T>): Promise<T[]> {
  const written: T[] = []
  for (const item of items) written.push(await write(item))
  return written
}

/** Whether all claims are bound. Throws where that will not come to pass, so that the pod is placed anew. */
function isDone(
  { volumes, claims }: VolumeChanges,
  claimed: readonly string[],
  nodeName: string,
  actions: VolumeActions,
): boolean {
  const node = actions.knownNode(nodeName)
  if (node === undefined)
    throw new Error(`binding volumes: failed to get node "${nodeName}": node "${nodeName}" not found`)
  const labels = node.metadata.labels ?? {}
  for (const [index, written] of volumes.entries()) {
    const { name } = written.metadata
    const volume = actions.knownVolume(name)
    const claim = actions.knownClaim(claimed[index]!)
    if (volume === undefined)
      throw new Error(`binding volumes: failed to check binding: could not find v1.PersistentVolume "${name}"`)
    if (claim === undefined)
      throw new Error(
        `binding volumes: failed to check binding: could not find v1.PersistentVolumeClaim "${claimed[index]}"`,
      )
    if (isOlder(volume, written)) return false
    checkReach(volume, nodeName, labels)
    if ((volume.spec.claimRef?.uid ?? '') === '')
      throw new Error(`binding volumes: ClaimRef got reset for pv "${name}"`)
    if (!isBound(claim)) return false
  }
  for (const written of claims) {
    const { name } = written.metadata
    const claim = actions.knownClaim(keyOf(written.metadata))
    if (claim === undefined)
      throw new Error(
        `binding volumes: failed to check provisioning pvc: could not find v1.PersistentVolumeClaim "${keyOf(written.metadata)}"`,
      )
    if (isOlder(claim, written)) return false
    if (claim.metadata.annotations === undefined)
      throw new Error(`binding volumes: selectedNode annotation reset for PVC "${name}"`)
    if (claim.metadata.annotations[selectedNode] !== nodeName)
      throw new Error(`binding volumes: provisioning failed for PVC "${name}"`)
    const volume = actions.knownVolume(claim.spec.volumeName ?? '')
    if (volume !== undefined) checkReach(volume, nodeName, labels)
    if (!isBound(claim)) return false
  }
  return true
}

/** Throws where a node cannot use a volume: it may have lost a label since it was chosen. */
function checkReach(volume: PersistentVolume, nodeName: string, labels: Readonly<Record<string, string>>): void {
  if (isUsableFrom(volume, labels)) return
  const of = `pv "${volume.metadata.name}" node affinity doesn't match node "${nodeName}"`
  throw new Error(`binding volumes: ${of}: no matching NodeSelectorTerms`)
}

function isOlder(
  { metadata }: PersistentVolume | PersistentVolumeClaim,
  written: PersistentVolume | PersistentVolumeClaim,
): boolean {
  return compareResourceVersions(metadata.resourceVersion ?? '', written.metadata.resourceVersion ?? '') < 0
}

const wakeRules: readonly WakeRule[] = [
  { event: { resource: 'storageclasses', action: 'add' } },
  {
    event: { resource: 'storageclasses', action: 'update' },
    helps: ({ object, oldObject }) =>
      !sameJson((object as StorageClass).allowedTopologies ?? [], (oldObject as StorageClass).allowedTopologies ?? []),
  },
  { event: { resource: 'persistentvolumeclaims', action: 'add' }, helps: ({ pod, object }) => names(pod, object) },
  { event: { resource: 'persistentvolumeclaims', action: 'update' }, helps: ({ pod, object }) => names(pod, object) },
  { event: { resource: 'persistentvolumes', action: 'add' } },
  { event: { resource: 'persistentvolumes', action: 'update' } },
  { event: { resource: 'nodes', action: 'add' } },
  {
    event: { resource: 'nodes', action: 'update' },
    helps: ({ node, oldNode }) => !sameJson(node?.metadata.labels ?? {}, oldNode?.metadata.labels ?? {}),
  },
  { event: { resource: 'csinodes', action: 'add' } },
  {
    event: { resource: 'csinodes', action: 'update' },
    helps: ({ object, oldObject }) => migrated(object as CSINode) !== migrated(oldObject as CSINode),
  },
  {
    event: { resource: 'csidrivers', action: 'update' },
    helps: ({ object, oldObject }) =>
      (oldObject as CSIDriver).spec.storageCapacity === true && (object as CSIDriver).spec.storageCapacity !== true,
  },
  { event: { resource: 'csistoragecapacities', action: 'add' } },
  {
    event: { resource: 'csistoragecapacities', action: 'update' },
    helps: ({ object, oldObject }) => sizeOf(object as CSIStorageCapacity) > sizeOf(oldObject as CSIStorageCapacity),
  },
]

const names = (pod: Pod, claim: unknown): boolean =>
  claimsOf(pod).includes(keyOf((claim as PersistentVolumeClaim).metadata))
const migrated = ({ metadata }: CSINode): string | undefined =>
  metadata.annotations?.['storage.alpha.kubernetes.io/migrated-plugins']
const sizeOf = (capacity: CSIStorageCapacity): number => quantityValue(limitOf(capacity) ?? '0')

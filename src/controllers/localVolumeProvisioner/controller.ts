import { nodes } from '#api/core/v1/node.ts'
import { persistentVolumeClaims, type PersistentVolumeClaim } from '#api/core/v1/persistentVolumeClaim.ts'
import { persistentVolumes } from '#api/core/v1/persistentVolume.ts'
import { storageClasses } from '#api/storage/v1/storageClass.ts'
import type { Controller, Outcome } from '#client/controller.ts'
import { referenceTo } from '#client/events.ts'
import { keyOf } from '#client/index.ts'
import { unlessGone } from '#client/unlessGone.ts'
import { localProvisioner, nodeOfDirectory, usualVolumeFolder } from '#machinery/localVolumes.ts'
import { isReason } from '#machinery/status.ts'
import { classOfClaim, selectedNode } from '#machinery/volumeBinding.ts'
import type { ControllerContext } from '../context.ts'
import { Telling } from '../telling.ts'
import { isAskedFor, planProvisioning, planReclaim, volumeNameFor, type ProvisionPlan } from './plan.ts'

const name = 'local-volume-provisioner'
const [byClass, byNode] = ['localClass', 'releasedOfNode']

/**
 * Makes volumes that are directories of nodes. The kubelet makes the directory itself when a pod first uses it; a part of
 * each node removes it (`kubelet/localVolumes`), and only then the volume goes. Keys: `claim/namespace/name`, `volume/name`.
 */
export function localVolumeProvisioner(context: ControllerContext): Controller {
  const { client, informers, config } = context
  const [claims, volumes] = [informers.of(persistentVolumeClaims), informers.of(persistentVolumes)]
  const [classes, nodeCopies] = [informers.of(storageClasses), informers.of(nodes)]
  claims.addIndex(byClass, (claim) => (isAskedFor(claim) ? [classOfClaim(claim)] : []))
  volumes.addIndex(byNode, (volume) => {
    const node = nodeOfDirectory(volume)
    return node === undefined || volume.status?.phase !== 'Released' ? [] : [node]
  })
  const recorder = context.events.recorder(localProvisioner)
  const telling = new Telling(context, recorder, name)
  const folderOf = config.localVolumeFolder ?? usualVolumeFolder

  async function provision(claim: PersistentVolumeClaim, plan: ProvisionPlan, signal: AbortSignal): Promise<Outcome> {
    const about = referenceTo(persistentVolumeClaims, claim)
    // What was said of another node still explains why the pod waits.
    if (plan.do === 'nothing') return undefined
    if (plan.do === 'refuse') {
      const of = JSON.stringify(classOfClaim(claim))
      const message = `failed to provision volume with StorageClass ${of}: ${plan.problem}`
      const note = { type: 'Warning', reason: 'ProvisioningFailed', message } as const
      if (plan.reschedule === true) {
        const { [selectedNode]: _node, ...annotations } = claim.metadata.annotations ?? {}
        const changed = { ...claim, metadata: { ...claim.metadata, annotations } }
        await unlessGone(client.update(persistentVolumeClaims, changed, { signal }))
      }
      return telling.tell(persistentVolumeClaims, claim, note, plan.remedy)
    }
    const message = `External provisioner is provisioning volume for claim "${keyOf(claim.metadata)}"`
    recorder.record(about, { type: 'Normal', reason: 'Provisioning', message })
    try {
      await client.create(persistentVolumes, plan.volume, { signal })
    } catch (error) {
      // Made before a crash, or since the copy was taken: its name is only ever used for this claim.
      if (!isReason(error, 'AlreadyExists')) throw error
      return undefined
    }
    const done = `Successfully provisioned volume ${volumeNameFor(claim)}`
    recorder.record(about, { type: 'Normal', reason: 'ProvisioningSucceeded', message: done })
    return telling.settled(persistentVolumeClaims, claim)
  }

  async function reconcileClaim(key: string, signal: AbortSignal): Promise<Outcome> {
    const claim = claims.get(key)
    if (claim === undefined) return telling.gone(persistentVolumeClaims.kind, key)
    if (volumes.get(volumeNameFor(claim)) !== undefined) return telling.settled(persistentVolumeClaims, claim)
    const plan = planProvisioning(claim, {
      storageClass: classes.get(classOfClaim(claim)),
      nodeOf: (node) => nodeCopies.get(node),
      folderOf,
    })
    return provision(claim, plan, signal)
  }

  async function reconcileVolume(key: string, signal: AbortSignal): Promise<Outcome> {
    const volume = volumes.get(key)
    if (volume === undefined) return telling.gone(persistentVolumes.kind, key)
    const plan = planReclaim(volume, (node) => nodeCopies.get(node) !== undefined)
    switch (plan.do) {
      case 'nothing':
        return telling.settled(persistentVolumes, volume)
      case 'setFinalizers': {
        const metadata = { ...volume.metadata, finalizers: [...plan.finalizers] }
        await unlessGone(client.update(persistentVolumes, { ...volume, metadata }, { signal }))
        return undefined
      }
      case 'delete': {
        const { uid } = volume.metadata
        const preconditions = uid === undefined ? {} : { preconditions: { uid } }
        await unlessGone(client.delete(persistentVolumes, volume.metadata, { ...preconditions, signal }))
        return undefined
      }
      case 'lament': {
        const node = JSON.stringify(plan.node)
        const message = `node ${node} is gone, and with it whoever could remove the directory of the volume`
        const note = { type: 'Warning', reason: 'VolumeFailedDelete', message } as const
        const remedy = `Bring node ${node} back, or set persistentVolumeReclaimPolicy: Retain and delete the volume`
        return telling.tell(persistentVolumes, volume, note, remedy)
      }
    }
  }

  return {
    name,
    permissions: [
      {
        groups: [''],
        resources: ['persistentvolumes'],
        verbs: ['get', 'list', 'watch', 'create', 'update', 'delete'],
      },
      { groups: [''], resources: ['persistentvolumeclaims'], verbs: ['get', 'list', 'watch', 'update'] },
      { groups: [''], resources: ['nodes'], verbs: ['get', 'list', 'watch'] },
      { groups: ['storage.k8s.io'], resources: ['storageclasses'], verbs: ['get', 'list', 'watch'] },
    ],
    watch(on) {
      on(claims, (claim) => (isAskedFor(claim) ? [`claim/${keyOf(claim.metadata)}`] : []))
      on(volumes, (volume) => (nodeOfDirectory(volume) === undefined ? [] : [`volume/${volume.metadata.name}`]))
      on(classes, ({ metadata }) =>
        claims.byIndex(byClass, metadata.name).map((claim) => `claim/${keyOf(claim.metadata)}`),
      )
      on(nodeCopies, (node) =>
        volumes.byIndex(byNode, node.metadata.name).map(({ metadata }) => `volume/${metadata.name}`),
      )
    },
    async reconcile(key, signal) {
      const slash = key.indexOf('/')
      const rest = key.slice(slash + 1)
      return key.startsWith('claim/') ? reconcileClaim(rest, signal) : reconcileVolume(rest, signal)
    },
  }
}

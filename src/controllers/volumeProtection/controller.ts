import { persistentVolumeClaims } from '#api/core/v1/persistentVolumeClaim.ts'
import { persistentVolumes } from '#api/core/v1/persistentVolume.ts'
import { pods } from '#api/core/v1/pod.ts'
import { volumeAttributesClasses } from '#api/storage/v1/volumeAttributesClass.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import type { Client, Draft } from '#client/client.ts'
import type { Controller } from '#client/controller.ts'
import { nameOfKey } from '#client/index.ts'
import { unlessGone } from '#client/unlessGone.ts'
import { attributesClassProtection, claimProtection, volumeProtection } from '#machinery/volumeProtection.ts'
import type { ControllerContext } from '../context.ts'
import { claimsInUse, classesOfClaim, classesOfVolume, isVolumeInUse, planFinalizers } from './plan.ts'

const byClaim = 'claimsInUse'

/** Lets claims go that are being deleted once no pod uses them. */
export function claimProtectionController({ client, informers }: ControllerContext): Controller {
  const claims = informers.of(persistentVolumeClaims)
  const users = informers.of(pods)
  users.addIndex(byClaim, claimsInUse)
  const isInUse = async (key: string, signal: AbortSignal): Promise<boolean> => {
    const { namespace = '' } = nameOfKey(key)
    const { items } = await client.listAll(pods, { namespace, signal })
    return items.some((pod) => claimsInUse(pod).includes(key))
  }
  return {
    name: 'pvc-protection-controller',
    queue: 'pvcprotection',
    permissions: [
      { groups: [''], resources: ['persistentvolumeclaims'], verbs: ['get', 'list', 'watch', 'update'] },
      { groups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] },
    ],
    watch(on) {
      on(claims, ({ metadata }) => [`${metadata.namespace ?? ''}/${metadata.name}`])
      on(users, claimsInUse)
    },
    async reconcile(key, signal) {
      const claim = claims.get(key)
      if (claim === undefined) return
      const finalizers = planFinalizers(claim, claimProtection, () => users.byIndex(byClaim, key).length > 0)
      if (finalizers === undefined) return
      // A pod may have got its node since the copies were taken, and what goes now is gone.
      if (claim.metadata.deletionTimestamp !== undefined && (await isInUse(key, signal))) return
      await setFinalizers(client, persistentVolumeClaims, claim, finalizers, signal)
    },
  }
}

/** Lets volumes go that are being deleted once no claim is bound to them. */
export function volumeProtectionController({ client, informers }: ControllerContext): Controller {
  const volumes = informers.of(persistentVolumes)
  return {
    name: 'pv-protection-controller',
    queue: 'pvprotection',
    permissions: [{ groups: [''], resources: ['persistentvolumes'], verbs: ['get', 'list', 'watch', 'update'] }],
    watch(on) {
      on(volumes, ({ metadata }) => [metadata.name])
    },
    async reconcile(name, signal) {
      const volume = volumes.get(name)
      if (volume === undefined) return
      const finalizers = planFinalizers(volume, volumeProtection, () => isVolumeInUse(volume))
      if (finalizers !== undefined) await setFinalizers(client, persistentVolumes, volume, finalizers, signal)
    },
  }
}

const byClass = 'volumeAttributesClass'

/** Lets volume attributes classes go that are being deleted once no claim and no volume is of them. */
export function attributesClassProtectionController({ client, informers }: ControllerContext): Controller {
  const classes = informers.of(volumeAttributesClasses)
  const claims = informers.of(persistentVolumeClaims)
  const volumes = informers.of(persistentVolumes)
  claims.addIndex(byClass, classesOfClaim)
  volumes.addIndex(byClass, classesOfVolume)
  return {
    name: 'volumeattributesclass-protection-controller',
    queue: 'vacprotection',
    permissions: [
      { groups: ['storage.k8s.io'], resources: ['volumeattributesclasses'], verbs: ['get', 'list', 'watch', 'update'] },
      { groups: [''], resources: ['persistentvolumeclaims', 'persistentvolumes'], verbs: ['list', 'watch'] },
    ],
    watch(on) {
      on(classes, ({ metadata }) => [metadata.name])
      on(claims, classesOfClaim)
      on(volumes, classesOfVolume)
    },
    async reconcile(name, signal) {
      const found = classes.get(name)
      if (found === undefined) return
      const isInUse = (): boolean => [claims, volumes].some((users) => users.byIndex(byClass, name).length > 0)
      const finalizers = planFinalizers(found, attributesClassProtection, isInUse)
      if (finalizers !== undefined) await setFinalizers(client, volumeAttributesClasses, found, finalizers, signal)
    },
  }
}

async function setFinalizers<T extends KubeObject>(
  client: Client,
  resource: Resource<T>,
  object: T,
  finalizers: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const changed = { ...object, metadata: { ...object.metadata, finalizers: [...finalizers] } }
  await unlessGone(client.update(resource, changed as unknown as Draft<T>, { signal }))
}

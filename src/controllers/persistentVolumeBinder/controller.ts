import { persistentVolumeClaims, type PersistentVolumeClaim } from '#api/core/v1/persistentVolumeClaim.ts'
import { persistentVolumes, type PersistentVolume, type PersistentVolumePhase } from '#api/core/v1/persistentVolume.ts'
import { pods } from '#api/core/v1/pod.ts'
import { storageClasses, type StorageClass } from '#api/storage/v1/storageClass.ts'
import type { Controller, Outcome } from '#client/controller.ts'
import { referenceTo } from '#client/events.ts'
import { keyOf } from '#client/index.ts'
import { OwnWrites } from '#client/ownWrites.ts'
import { unlessGone } from '#client/unlessGone.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { defaultClassMarks, findDefault } from '#machinery/defaultClass.ts'
import { claimsOf } from '#machinery/podReferences.ts'
import {
  betaStorageProvisioner,
  bindCompleted,
  classOfClaim,
  classOfVolume,
  freeClasses,
  isFree,
  namesClass,
  reservingClaims,
  storageProvisioner,
} from '#machinery/volumeBinding.ts'
import type { ControllerContext } from '../context.ts'
import { Telling } from '../telling.ts'
import { boundClaim, claimStatus, planClaim, type ClaimPlan } from './planClaim.ts'
import { boundVolume, givesUpClaim, planVolume, unboundVolume, type VolumePlan } from './planVolume.ts'

const name = 'persistent-volume-binder'
const [byClaim, byClass, byVolume, byUsedClaim] = ['claim', 'freeOfClass', 'boundVolume', 'usedClaims']
/** Under which claims stand that name no class. */
const classless = '*'

/**
 * Brings claims and volumes together. Its keys are `claim/namespace/name`, `volume/name`, and `class/name` for all
 * claims that wait for something of a class.
 */
export function persistentVolumeBinder(context: ControllerContext): Controller {
  const { client, informers, metrics } = context
  const [claimCopies, volumeCopies] = [informers.of(persistentVolumeClaims), informers.of(persistentVolumes)]
  const [classCopies, podCopies] = [informers.of(storageClasses), informers.of(pods)]
  volumeCopies.addIndex(byClaim, reservingClaims)
  volumeCopies.addIndex(byClass, freeClasses)
  claimCopies.addIndex(byVolume, ({ spec }) => ((spec.volumeName ?? '') === '' ? [] : [spec.volumeName!]))
  claimCopies.addIndex(byClass, (claim) => {
    const isBound = claim.metadata.annotations?.[bindCompleted] !== undefined
    return isBound ? [] : [namesClass(claim) ? classOfClaim(claim) : classless]
  })
  podCopies.addIndex(byUsedClaim, claimsOf)
  metrics.volumes.follow({ volumes: () => volumeCopies.list(), claims: () => claimCopies.list() })
  const [claims, volumes] = [new OwnWrites(claimCopies), new OwnWrites(volumeCopies)]
  const telling = new Telling(context, context.events.recorder('persistentvolume-controller'), name)
  /** Volumes that a claim is about to get, so that claims which are looked at side by side choose different ones. */
  const chosen = new Map<string, string>()

  const classOf = (className: string): StorageClass | undefined =>
    className === '' ? undefined : classCopies.get(className)
  const usersOf = (key: string): readonly string[] =>
    podCopies
      .byIndex(byUsedClaim, key)
      .filter(({ status }) => status?.phase !== 'Succeeded' && status?.phase !== 'Failed')
      .map(({ metadata }) => keyOf(metadata))
      .toSorted()

  async function writeClaim(changed: PersistentVolumeClaim, signal: AbortSignal): Promise<PersistentVolumeClaim> {
    return claims.wrote(await client.update(persistentVolumeClaims, changed, { signal }))
  }

  async function setClaimPhase(
    claim: PersistentVolumeClaim,
    phase: 'Pending' | 'Bound' | 'Lost',
    volume: PersistentVolume | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const status = claimStatus(claim, phase, volume)
    if (sameJson(status, claim.status)) return
    claims.wrote(await client.updateStatus(persistentVolumeClaims, { ...claim, status }, { signal }))
  }

  async function writeVolume(changed: PersistentVolume, signal: AbortSignal): Promise<PersistentVolume> {
    return volumes.wrote(await client.update(persistentVolumes, changed, { signal }))
  }

  async function setVolumePhase(
    volume: PersistentVolume,
    phase: PersistentVolumePhase,
    signal: AbortSignal,
    message?: string,
  ): Promise<PersistentVolume> {
    if (volume.status?.phase === phase) return volume
    const { message: _message, ...rest } = volume.status ?? {}
    const status = { ...rest, phase, ...(message === undefined ? {} : { message }) }
    return volumes.wrote(await client.updateStatus(persistentVolumes, { ...volume, status }, { signal }))
  }

  /** Four writes, of which each leaves a state from which the next look goes on. */
  async function bind(claim: PersistentVolumeClaim, volume: PersistentVolume, signal: AbortSignal): Promise<void> {
    const claimed = boundVolume(volume, claim, referenceTo(persistentVolumeClaims, claim))
    const written = claimed === volume ? volume : await writeVolume(claimed, signal)
    const settled = await setVolumePhase(written, 'Bound', signal)
    const bound = boundClaim(claim, settled)
    await setClaimPhase(bound === claim ? claim : await writeClaim(bound, signal), 'Bound', settled, signal)
  }

  async function handOver(claim: PersistentVolumeClaim, provisioner: string, signal: AbortSignal): Promise<void> {
    if (claim.metadata.annotations?.[storageProvisioner] === provisioner) return
    const added = { [betaStorageProvisioner]: provisioner, [storageProvisioner]: provisioner }
    const annotations = { ...claim.metadata.annotations, ...added }
    await writeClaim({ ...claim, metadata: { ...claim.metadata, annotations } }, signal)
  }

  async function giveClass(claim: PersistentVolumeClaim, storageClassName: string, signal: AbortSignal): Promise<void> {
    let isDone = false
    try {
      await writeClaim({ ...claim, spec: { ...claim.spec, storageClassName } }, signal)
      isDone = true
    } finally {
      metrics.volumes.classGiven(isDone)
    }
  }

  async function applyClaim(claim: PersistentVolumeClaim, plan: ClaimPlan, signal: AbortSignal): Promise<Outcome> {
    switch (plan.do) {
      case 'bind':
        await bind(claim, plan.volume, signal)
        return telling.settled(persistentVolumeClaims, claim)
      case 'setClass':
        await giveClass(claim, plan.storageClass, signal)
        return undefined
      case 'handOver':
        await handOver(claim, plan.provisioner, signal)
        return telling.tell(persistentVolumeClaims, claim, plan.note)
      case 'tell': {
        const isNews = claim.status?.phase !== plan.phase
        if (plan.phase !== undefined) await setClaimPhase(claim, plan.phase, undefined, signal)
        // What is lost stays so: that is told once.
        if (plan.phase !== 'Lost') return telling.tell(persistentVolumeClaims, claim, plan.note, plan.remedy)
        return isNews ? telling.tellOnce(persistentVolumeClaims, claim, plan.note) : undefined
      }
    }
  }

  async function reconcileClaim(key: string, signal: AbortSignal): Promise<Outcome> {
    const claim = claims.get(key)
    if (claim === undefined) return telling.gone(persistentVolumeClaims.kind, key)
    const className = classOfClaim(claim)
    const uid = claim.metadata.uid ?? ''
    const isOthers = ({ metadata }: PersistentVolume): boolean => (chosen.get(metadata.name) ?? uid) !== uid
    const plan = planClaim(claim, {
      named: volumes.get(claim.spec.volumeName ?? ''),
      reserved: volumeCopies.byIndex(byClaim, key).map((volume) => volumes.newest(volume)),
      free: volumeCopies
        .byIndex(byClass, className)
        .map((volume) => volumes.newest(volume))
        .filter((volume) => !isOthers(volume)),
      storageClass: classOf(className),
      defaultClass: namesClass(claim) ? undefined : findDefault(classCopies.list(), defaultClassMarks),
      waitingPods: podCopies
        .byIndex(byUsedClaim, key)
        .filter(({ spec }) => (spec.nodeName ?? '') === '')
        .map(({ metadata }) => metadata.name)
        .toSorted(),
    })
    if (plan.do !== 'bind') return unlessGone(applyClaim(claim, plan, signal))
    const volume = plan.volume.metadata.name
    chosen.set(volume, uid)
    try {
      return await unlessGone(applyClaim(claim, plan, signal))
    } finally {
      chosen.delete(volume)
    }
  }

  /** The claim that a volume is for; looked up where it cannot be stale before the volume is given up. */
  async function claimOf(volume: PersistentVolume, signal: AbortSignal): Promise<PersistentVolumeClaim | undefined> {
    const { claimRef } = volume.spec
    if (claimRef === undefined) return undefined
    const at = { name: claimRef.name ?? '', namespace: claimRef.namespace ?? '' }
    const claim = claims.get(keyOf(at))
    return givesUpClaim(volume, claim) ? unlessGone(client.get(persistentVolumeClaims, at, { signal })) : claim
  }

  async function applyVolume(
    volume: PersistentVolume,
    claim: PersistentVolumeClaim | undefined,
    plan: VolumePlan,
    signal: AbortSignal,
  ): Promise<Outcome> {
    switch (plan.do) {
      case 'nothing':
        return undefined
      case 'setPhase': {
        const written = await setVolumePhase(volume, plan.phase, signal, plan.note?.message)
        if (plan.note === undefined) return telling.settled(persistentVolumes, volume)
        return telling.tellOnce(persistentVolumes, written, plan.note, plan.remedy)
      }
      case 'delete': {
        const { uid = '' } = volume.metadata
        await client.delete(persistentVolumes, volume.metadata, { preconditions: { uid }, signal })
        return undefined
      }
      case 'unbind':
        await setVolumePhase(await writeVolume(unboundVolume(volume), signal), 'Available', signal)
        return undefined
      case 'tell':
        telling.tell(persistentVolumeClaims, claim!, plan.claimNote)
        return telling.tell(persistentVolumes, volume, plan.note)
      case 'wait':
        return telling.tell(persistentVolumes, volume, plan.note)
    }
  }

  async function reconcileVolume(key: string, signal: AbortSignal): Promise<Outcome> {
    const volume = volumes.get(key)
    if (volume === undefined) return telling.gone(persistentVolumes.kind, key)
    const claim = await claimOf(volume, signal)
    const { claimRef } = volume.spec
    const users = claimRef === undefined ? [] : usersOf(`${claimRef.namespace ?? ''}/${claimRef.name ?? ''}`)
    return unlessGone(applyVolume(volume, claim, planVolume(volume, claim, users), signal))
  }

  const claimKey = (key: string): string => `claim/${key}`
  const volumeKey = (volume: string): string => `volume/${volume}`
  const classKey = (className: string): string => `class/${className}`
  let add: (key: string) => void = () => {}

  return {
    name,
    queue: 'claims',
    permissions: [
      {
        groups: [''],
        resources: ['persistentvolumes'],
        verbs: ['get', 'list', 'watch', 'update', 'create', 'delete'],
      },
      { groups: [''], resources: ['persistentvolumes/status', 'persistentvolumeclaims/status'], verbs: ['update'] },
      { groups: [''], resources: ['persistentvolumeclaims'], verbs: ['get', 'list', 'watch', 'update'] },
      { groups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] },
      { groups: ['storage.k8s.io'], resources: ['storageclasses'], verbs: ['get', 'list', 'watch'] },
    ],
    watch(on, addKey) {
      add = addKey
      on(volumeCopies, (volume) => {
        const { claimRef } = volume.spec
        const waiting = claimCopies.byIndex(byVolume, volume.metadata.name).map(({ metadata }) => keyOf(metadata))
        const own = claimRef === undefined ? [] : [`${claimRef.namespace ?? ''}/${claimRef.name ?? ''}`]
        return [
          volumeKey(volume.metadata.name),
          ...[...waiting, ...own].map(claimKey),
          ...(isFree(volume) ? [classKey(classOfVolume(volume))] : []),
        ]
      })
      on(claimCopies, ({ metadata, spec }) => {
        const key = keyOf(metadata)
        const reserved = volumeCopies.byIndex(byClaim, key).map((volume) => volume.metadata.name)
        return [claimKey(key), ...[...reserved, ...(spec.volumeName ? [spec.volumeName] : [])].map(volumeKey)]
      })
      on(classCopies, ({ metadata }) => [classKey(metadata.name), classKey(classless)])
      on(podCopies, (pod) => ((pod.spec.nodeName ?? '') === '' ? claimsOf(pod).map(claimKey) : []))
    },
    async reconcile(key, signal) {
      const slash = key.indexOf('/')
      const [what, rest] = [key.slice(0, slash), key.slice(slash + 1)]
      if (what === 'claim') return reconcileClaim(rest, signal)
      if (what === 'volume') return reconcileVolume(rest, signal)
      const waiting = [rest, ...(rest === '' ? [classless] : [])].flatMap((each) => claimCopies.byIndex(byClass, each))
      for (const { metadata } of waiting) add(claimKey(keyOf(metadata)))
    },
  }
}

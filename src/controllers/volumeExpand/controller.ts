import { persistentVolumeClaims } from '#api/core/v1/persistentVolumeClaim.ts'
import { persistentVolumes } from '#api/core/v1/persistentVolume.ts'
import type { Controller } from '#client/controller.ts'
import { referenceTo } from '#client/events.ts'
import { keyOf } from '#client/index.ts'
import { unlessGone } from '#client/unlessGone.ts'
import { writeStatus } from '#client/writeStatus.ts'
import type { ControllerContext } from '../context.ts'
import { Telling } from '../telling.ts'
import { grownStatus, isSmaller, planExpansion } from './plan.ts'

const name = 'expand-controller'

/** Lets claims grow whose volumes this cluster makes itself, and waits for those who make the others. */
export function volumeExpandController(context: ControllerContext): Controller {
  const { client, informers } = context
  const [claims, volumes] = [informers.of(persistentVolumeClaims), informers.of(persistentVolumes)]
  const recorder = context.events.recorder('volume_expand')
  const telling = new Telling(context, recorder, name)
  return {
    name,
    queue: 'volume_expand',
    permissions: [
      { groups: [''], resources: ['persistentvolumes'], verbs: ['get', 'list', 'watch', 'patch', 'update'] },
      { groups: [''], resources: ['persistentvolumeclaims'], verbs: ['get', 'list', 'watch'] },
      { groups: [''], resources: ['persistentvolumeclaims/status'], verbs: ['patch', 'update'] },
    ],
    watch(on) {
      on(claims, ({ metadata }) => [keyOf(metadata)])
      on(volumes, ({ spec: { claimRef } }) =>
        claimRef?.uid === undefined ? [] : [`${claimRef.namespace ?? ''}/${claimRef.name ?? ''}`],
      )
    },
    async reconcile(key, signal) {
      const claim = claims.get(key)
      const plan = claim === undefined ? undefined : planExpansion(claim, volumes.get(claim.spec.volumeName ?? ''))
      if (claim === undefined || plan === undefined || plan.do === 'nothing') {
        return telling.gone(persistentVolumeClaims.kind, key)
      }
      if (plan.do === 'wait') {
        const message = 'waiting for an external controller to expand this PVC'
        return telling.tell(persistentVolumeClaims, claim, { type: 'Normal', reason: 'ExternalExpanding', message })
      }
      const { storage, volume } = plan
      if (isSmaller(volume, storage)) {
        const { resourceVersion } = volume.metadata
        const body = { metadata: { resourceVersion }, spec: { capacity: { storage } } }
        await client.patch(persistentVolumes, volume.metadata, { type: 'merge', body }, { signal })
      }
      const written = await unlessGone(
        writeStatus(client, persistentVolumeClaims, claim, grownStatus(claim, storage), signal),
      )
      if (written === undefined) return undefined
      const message = `ExpandVolume succeeded for volume ${key}`
      recorder.record(referenceTo(persistentVolumeClaims, written), {
        type: 'Normal',
        reason: 'VolumeResizeSuccessful',
        message,
      })
      return undefined
    },
  }
}

import assert from 'node:assert/strict'
import { configMaps } from '#api/core/v1/configMap.ts'
import { persistentVolumes, type PersistentVolume } from '#api/core/v1/persistentVolume.ts'
import { persistentVolumeClaims } from '#api/core/v1/persistentVolumeClaim.ts'
import { pods } from '#api/core/v1/pod.ts'
import { secrets } from '#api/core/v1/secret.ts'
import { csiDrivers } from '#api/storage/v1/csiDriver.ts'
import { csiNodes } from '#api/storage/v1/csiNode.ts'
import { csiStorageCapacities } from '#api/storage/v1/csiStorageCapacity.ts'
import { storageClasses } from '#api/storage/v1/storageClass.ts'
import { volumeAttachments } from '#api/storage/v1/volumeAttachment.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import { isReason } from '#machinery/status.ts'
import { conformance } from './conformance.ts'
import { namespace, showLifeCycle, withServer } from './lifeCycle.ts'

const at = { name: 'a', namespace }

conformance('[sig-storage] CSIInlineVolumes should run through the lifecycle of a CSIDriver', () =>
  showLifeCycle(csiDrivers, {
    object: () => ({
      spec: { attachRequired: false, volumeLifecycleModes: ['Ephemeral' as const], podInfoOnMount: true },
    }),
  }),
)

conformance('[sig-storage] CSIInlineVolumes should support CSIVolumeSource in Pod API', () =>
  showLifeCycle(pods, {
    object: () => ({
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [{ name: 'c', image: 'i', volumeMounts: [{ name: 'v', mountPath: '/v' }] }],
        volumes: [{ name: 'v', csi: { driver: 'inline.example.com', volumeAttributes: { a: 'b' } } }],
      },
    }),
    async also(_, pod) {
      const volume = pod.spec.volumes?.find(({ name }) => name === 'v')
      assert.deepEqual(volume?.csi, { driver: 'inline.example.com', volumeAttributes: { a: 'b' } })
    },
  }),
)

conformance('[sig-storage] CSINodes CSI Conformance should run through the lifecycle of a csinode', () =>
  showLifeCycle(csiNodes, {
    object: (index) => ({
      spec: { drivers: [{ name: 'd.example.com', nodeID: `node-${index}`, topologyKeys: ['t'] }] },
    }),
  }),
)

conformance('[sig-storage] CSIStorageCapacity should support CSIStorageCapacities API operations', () =>
  showLifeCycle(csiStorageCapacities, { object: () => ({ storageClassName: 'fast', capacity: '1Gi' }) }),
)

conformance('[sig-storage] StorageClasses CSI Conformance should run through the lifecycle of a StorageClass', () =>
  showLifeCycle(storageClasses, {
    object: () => ({
      provisioner: 'p.example.com',
      reclaimPolicy: 'Delete' as const,
      volumeBindingMode: 'Immediate' as const,
    }),
  }),
)

const attachment = (index: number) => ({
  spec: { attacher: 'a.example.com', nodeName: 'n', source: { persistentVolumeName: `pv-${index}` } },
})

conformance('[sig-storage] VolumeAttachment Conformance should run through the lifecycle of a VolumeAttachment', () =>
  showLifeCycle(volumeAttachments, { object: attachment }),
)

conformance(
  '[sig-storage] VolumeAttachment Conformance should apply changes to a volumeattachment status',
  async () => {
    await showLifeCycle(volumeAttachments, { object: attachment, status: { attached: true }, statusAlone: true })
    await withServer(async (client) => {
      const created = await client.create(volumeAttachments, { metadata: { name: 'a' }, ...attachment(0) })
      assert.equal(created.status?.attached, false)
      const attached = await client.updateStatus(volumeAttachments, {
        ...created,
        status: { attached: true },
      })
      assert.equal(attached.status?.attached, true)
      const detached = await client.updateStatus(volumeAttachments, { ...attached, status: { attached: false } })
      assert.equal(detached.status?.attached, false)
    })
  },
)

const volume = (): Pick<PersistentVolume, 'spec'> => ({
  spec: {
    capacity: { storage: '2Gi' },
    accessModes: ['ReadWriteOnce'],
    persistentVolumeReclaimPolicy: 'Retain',
    storageClassName: 'fast',
    csi: { driver: 'd.example.com', volumeHandle: 'h' },
  },
})
const claim = () => ({
  spec: {
    accessModes: ['ReadWriteOnce' as const],
    storageClassName: 'fast',
    resources: { requests: { storage: '1Gi' } },
  },
})

/** Volumes and claims go only when their protection is taken away, as its controller does when nobody uses them. */
const unprotected = { type: 'merge', body: { metadata: { finalizers: null } } } as const

conformance('[sig-storage] PersistentVolumes CSI Conformance should run through the lifecycle of a PV and a PVC', () =>
  withServer(async (client) => {
    const labels = { of: 'lifecycle' }
    const show = async <T extends KubeObject>(kind: Resource<T>, object: object, where: object): Promise<void> => {
      const selection = { ...where, labelSelector: 'of=lifecycle' }
      const draft = { ...object, metadata: { name: 'a', ...where, labels } }
      const created = await client.create(kind, draft as unknown as T)
      assert.equal((await client.list(kind, selection)).items.length, 1)
      const label = (value: string) => ({ type: 'merge', body: { metadata: { labels: { state: value } } } }) as const
      const patched = await client.patch(kind, { name: 'a', ...where }, label('patched'))
      assert.equal(patched.metadata.labels?.['state'], 'patched')
      assert.equal((await client.get(kind, { name: 'a', ...where })).metadata.uid, created.metadata.uid)
      const metadata = { ...patched.metadata, labels: { ...labels, state: 'updated' } }
      const updated = await client.update(kind, { ...patched, metadata })
      assert.equal(updated.metadata.labels?.['state'], 'updated')
      await client.patch(kind, { name: 'a', ...where }, unprotected)
      await client.delete(kind, { name: 'a', ...where })
      await assert.rejects(client.get(kind, { name: 'a', ...where }), (error) => isReason(error, 'NotFound'))
      await client.create(kind, draft as unknown as T)
      await client.patch(kind, { name: 'a', ...where }, unprotected)
      await client.deleteCollection(kind, selection)
      assert.deepEqual((await client.list(kind, selection)).items, [])
    }
    await show(persistentVolumes, volume(), {})
    await show(persistentVolumeClaims, claim(), { namespace })
  }),
)

conformance('[sig-storage] PersistentVolumes CSI Conformance should apply changes to a pv/pvc status', () =>
  withServer(async (client) => {
    await client.create(persistentVolumes, { metadata: { name: 'a' }, ...volume() })
    await client.create(persistentVolumeClaims, { metadata: at, ...claim() })
    assert.equal(
      (await client.getSubresource<PersistentVolume>(persistentVolumes, at, 'status')).status?.phase,
      'Pending',
    )
    assert.equal((await client.get(persistentVolumeClaims, at)).status?.phase, 'Pending')
    const condition = { type: 'Resizing', status: 'True', reason: 'Patched', message: 'by a test' } as const
    const patch = { type: 'merge', body: { status: { conditions: [condition] } } } as const
    const patched = await client.patchStatus(persistentVolumeClaims, at, patch)
    assert.equal(patched.status?.conditions?.[0]?.reason, 'Patched')
    const updated = await client.updateStatus(persistentVolumeClaims, {
      ...patched,
      status: { ...patched.status, conditions: [{ ...condition, reason: 'Updated' }] },
    })
    assert.equal(updated.status?.conditions?.[0]?.reason, 'Updated')
    const message = 'patched by a test'
    const told = await client.patchStatus(
      persistentVolumes,
      { name: 'a' },
      { type: 'merge', body: { status: { message, reason: 'Patched' } } },
    )
    assert.deepEqual([told.status?.message, told.status?.reason], [message, 'Patched'])
    const again = await client.updateStatus(persistentVolumes, {
      ...told,
      status: { ...told.status, reason: 'Updated' },
    })
    assert.deepEqual([again.status?.message, again.status?.reason], [message, 'Updated'])
  }),
)

/** Data may change until `immutable` is set; then neither it nor that may, but labels may, and it can be deleted. */
async function showImmutable(kind: Resource<any>, changed: object): Promise<void> {
  await withServer(async (client) => {
    const patch = (body: object) => client.patch(kind, at, { type: 'merge', body })
    await client.create(kind, { metadata: at })
    await patch(changed)
    await patch({ immutable: true })
    for (const refused of [{ data: { other: 'eHl6' } }, { immutable: false }, { immutable: null }]) {
      await assert.rejects(patch(refused), (error) => isReason(error, 'Invalid') && /immutable/.test(error.message))
    }
    await patch({ metadata: { labels: { a: 'b' } } })
    await client.delete(kind, at)
    await assert.rejects(client.get(kind, at), (error) => isReason(error, 'NotFound'))
  })
}

conformance('[sig-storage] ConfigMap should be immutable if `immutable` field is set', () =>
  showImmutable(configMaps, { data: { key: 'value' } }),
)

conformance('[sig-storage] Secrets should be immutable if `immutable` field is set', () =>
  showImmutable(secrets, { data: { key: 'dmFsdWU=' } }),
)

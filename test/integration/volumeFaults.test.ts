/** Claims and volumes through every fault at each write of their controllers; `FAULT_STRIDE=1` walks them all. */
import { test } from 'node:test'
import { persistentVolumeClaims, type PersistentVolumeClaim } from '#api/core/v1/persistentVolumeClaim.ts'
import { persistentVolumes, type PersistentVolume } from '#api/core/v1/persistentVolume.ts'
import { pods } from '#api/core/v1/pod.ts'
import { ephemeralVolumeController } from '#controllers/ephemeralVolume/controller.ts'
import { localVolumeProvisioner } from '#controllers/localVolumeProvisioner/controller.ts'
import { persistentVolumeBinder } from '#controllers/persistentVolumeBinder/controller.ts'
import { volumeExpandController } from '#controllers/volumeExpand/controller.ts'
import { claimProtectionController, volumeProtectionController } from '#controllers/volumeProtection/controller.ts'
import { faultStride, walkFaults, type Stage } from './faultWalk.ts'
import { claim, volume } from './volumesFixture.ts'

const namespace = 'default'
const claimOf = ({ all }: Stage, name: string): PersistentVolumeClaim | undefined =>
  all(persistentVolumeClaims).find(({ metadata }) => metadata.name === name)
const volumeOf = ({ all }: Stage, name: string): PersistentVolume | undefined =>
  all(persistentVolumes).find(({ metadata }) => metadata.name === name)
const isBound = (stage: Stage, name: string): boolean => claimOf(stage, name)?.status?.phase === 'Bound'
const phaseOf = (stage: Stage, name: string): string | undefined => volumeOf(stage, name)?.status?.phase

/** A volume that two claims have, or a claim that says it has what somebody else has. */
function misbound(stage: Stage): string | undefined {
  const owners = new Map<string, string>()
  for (const { metadata, spec, status } of stage.all(persistentVolumeClaims)) {
    const name = spec.volumeName ?? ''
    if (name === '') continue
    const other = owners.get(name)
    if (other !== undefined) return `${other} and ${metadata.name} have ${name}`
    owners.set(name, metadata.name)
    if (status?.phase === 'Lost') return `${metadata.name} lost ${name}`
    const owner = volumeOf(stage, name)?.spec.claimRef?.uid
    if (owner !== undefined && owner !== metadata.uid) return `${name} is another's than ${metadata.name}'s`
  }
  return undefined
}

const pinned = (name: string, spec: object) => ({
  metadata: { name, namespace },
  spec: {
    nodeSelector: { 'kubernetes.io/hostname': 'simulated-1' },
    terminationGracePeriodSeconds: 1,
    containers: [{ name: 'c', image: 'i' }],
    ...spec,
  },
})

test('claims and volumes come together once, and apart again, through every fault', async (t) => {
  const { writes, plays } = await walkFaults(
    {
      name: 'binder',
      controllers: [persistentVolumeBinder, claimProtectionController, volumeProtectionController],
      kinds: [persistentVolumes, persistentVolumeClaims],
      wrong: misbound,
      steps: [
        {
          does: 'bind what fits',
          async act({ cluster: { client } }) {
            const sizes = { small: '1Gi', large: '2Gi' }
            for (const [name, storage] of Object.entries(sizes)) {
              await client.create(persistentVolumes, volume(name, { capacity: { storage } }))
              const resources = { requests: { storage } }
              await client.create(persistentVolumeClaims, claim(`for-${name}`, { storageClassName: '', resources }))
            }
            // Somebody else's: of a driver that never comes, and kept for a claim that is gone.
            const claimRef = { name: 'gone', namespace, uid: 'gone' }
            const driver = { csi: { driver: 'disks.example.com', volumeHandle: 'h' } }
            const { hostPath: _hostPath, ...spec } = volume('').spec
            const foreign = { ...spec, ...driver, claimRef, persistentVolumeReclaimPolicy: 'Delete' } as const
            await client.create(persistentVolumes, { metadata: { name: 'foreign' }, spec: foreign })
          },
          isDone: (stage) =>
            isBound(stage, 'for-small') && isBound(stage, 'for-large') && phaseOf(stage, 'foreign') === 'Released',
        },
        {
          does: 'bind what was meant for each other',
          async act({ cluster: { client } }) {
            await client.create(persistentVolumes, volume('kept', { claimRef: { name: 'named', namespace } }))
            await client.create(persistentVolumeClaims, claim('named', { volumeName: 'kept', storageClassName: '' }))
          },
          isDone: (stage) => isBound(stage, 'named'),
        },
        {
          does: 'release',
          async act({ cluster: { client } }) {
            for (const name of ['for-small', 'named']) await client.delete(persistentVolumeClaims, { name, namespace })
          },
          isDone: (stage) => phaseOf(stage, 'small') === 'Released' && phaseOf(stage, 'kept') === 'Released',
        },
        {
          does: 'bind again',
          async act({ cluster: { client } }) {
            const body = { spec: { claimRef: null } }
            await client.patch(persistentVolumes, { name: 'small' }, { type: 'merge', body })
            await client.create(persistentVolumeClaims, claim('heir', { storageClassName: '' }))
          },
          isDone: (stage) => isBound(stage, 'heir') && claimOf(stage, 'heir')?.spec.volumeName === 'small',
        },
        {
          does: 'delete a volume with its claim',
          async act({ cluster: { client } }) {
            await client.delete(persistentVolumes, { name: 'large' })
            await client.delete(persistentVolumeClaims, { name: 'for-large', namespace })
          },
          isDone: (stage) => volumeOf(stage, 'large') === undefined && claimOf(stage, 'for-large') === undefined,
        },
      ],
    },
    faultStride(29),
  )
  t.diagnostic(`${writes} writes, ${plays} plays`)
})

test('directories are made once for each claim, and go with it, through every fault', async (t) => {
  const { writes, plays } = await walkFaults(
    {
      name: 'local provisioner',
      controllers: [localVolumeProvisioner, ephemeralVolumeController, volumeExpandController, persistentVolumeBinder],
      others: ['pvc-protection-controller', 'pv-protection-controller'],
      kinds: [persistentVolumes, persistentVolumeClaims],
      wrong: misbound,
      steps: [
        {
          does: 'make directories',
          async act({ cluster: { client } }) {
            await client.create(persistentVolumeClaims, claim('data'))
            const { spec } = claim('')
            const volumes = [
              { name: 'data', persistentVolumeClaim: { claimName: 'data' } },
              { name: 'scratch', ephemeral: { volumeClaimTemplate: { spec } } },
            ]
            await client.create(pods, pinned('web', { volumes }))
          },
          isDone: ({ all }) => all(pods).some(({ status }) => status?.phase === 'Running'),
        },
        {
          does: 'grow',
          act: ({ cluster: { client } }) =>
            client.patch(
              persistentVolumeClaims,
              { name: 'data', namespace },
              { type: 'merge', body: { spec: { resources: { requests: { storage: '2Gi' } } } } },
            ),
          isDone: (stage) => claimOf(stage, 'data')?.status?.capacity?.['storage'] === '2Gi',
        },
        {
          does: 'end the pod',
          act: ({ cluster: { client } }) => client.delete(pods, { name: 'web', namespace }),
          isDone: (stage) => claimOf(stage, 'web-scratch') === undefined && stage.all(persistentVolumes).length === 1,
        },
        {
          does: 'give the claim back',
          act: ({ cluster: { client } }) => client.delete(persistentVolumeClaims, { name: 'data', namespace }),
          isDone: ({ all }) => all(persistentVolumes).length === 0,
        },
      ],
    },
    faultStride(29),
  )
  t.diagnostic(`${writes} writes, ${plays} plays`)
})

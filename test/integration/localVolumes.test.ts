/** Directories of nodes that claims get, under simulated time. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { events } from '#api/core/v1/event.ts'
import { nodes } from '#api/core/v1/node.ts'
import { persistentVolumeClaims } from '#api/core/v1/persistentVolumeClaim.ts'
import { persistentVolumes, type PersistentVolume } from '#api/core/v1/persistentVolume.ts'
import { storageClasses } from '#api/storage/v1/storageClass.ts'
import { clientOver, type Client } from '#client/client.ts'
import type { Transport } from '#client/transport.ts'
import { componentCaller } from '#server/identities.ts'
import { inProcessTransport } from '#server/inProcess.ts'
import { simulatedCluster, type SimulatedCluster } from '#simulation/simulatedCluster.ts'
import { claim, claimOf, claimsText, isGone, said, volumesText } from './volumesFixture.ts'
/** Does what the scheduler does for the claims of a pod that it places. */
async function choose({ client }: SimulatedCluster, name: string, node: string): Promise<void> {
  const annotations = { 'volume.kubernetes.io/selected-node': node }
  await client.patch(
    persistentVolumeClaims,
    { name, namespace: 'default' },
    { type: 'merge', body: { metadata: { annotations } } },
  )
}

const local = { nodes: 3, scheduler: false } as const

test('a claim of the standard class gets a directory of the chosen node, and it goes with the claim', async () => {
  await using cluster = await simulatedCluster(local)
  const { client } = cluster
  await client.create(persistentVolumeClaims, claim('data'))
  await cluster.clock.advance('5s')
  assert.equal(await claimsText(cluster), 'data Pending')
  assert.equal((await claimOf(cluster, 'data')).spec.storageClassName, 'standard')
  await choose(cluster, 'data', 'simulated-2')
  const { uid } = (await claimOf(cluster, 'data')).metadata
  const name = `pvc-${uid}`
  await cluster.until(async () => (await claimsText(cluster)) === `data Bound ${name}`)
  const { metadata, spec } = await client.get(persistentVolumes, { name })
  assert.deepEqual(metadata.annotations, {
    'k8ts.dev/node': 'simulated-2',
    'pv.kubernetes.io/provisioned-by': 'k8ts.dev/local',
  })
  assert.deepEqual(spec.local, { path: `/var/lib/k8ts/volumes/simulated-2/${name}` })
  assert.deepEqual(spec.nodeAffinity?.required?.nodeSelectorTerms, [
    { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['simulated-2'] }] },
  ])
  assert.deepEqual(
    [spec.persistentVolumeReclaimPolicy, spec.storageClassName, spec.capacity],
    ['Delete', 'standard', { storage: '1Gi' }],
  )
  assert.deepEqual(
    (await said(cluster, 'PersistentVolumeClaim')).map((text) => text.split(' ').slice(0, 3).join(' ')).toSorted(),
    [
      'data: Normal ExternalProvisioning',
      'data: Normal Provisioning',
      'data: Normal ProvisioningSucceeded',
      'data: Normal WaitForFirstConsumer',
    ],
  )

  await client.patch(
    persistentVolumeClaims,
    { name: 'data', namespace: 'default' },
    { type: 'merge', body: { spec: { resources: { requests: { storage: '3Gi' } } } } },
  )
  await cluster.until(async () => (await claimOf(cluster, 'data')).status?.capacity?.['storage'] === '3Gi')
  assert.deepEqual((await client.get(persistentVolumes, { name })).spec.capacity, { storage: '3Gi' })
  await assert.rejects(
    client.patch(
      persistentVolumeClaims,
      { name: 'data', namespace: 'default' },
      { type: 'merge', body: { spec: { resources: { requests: { storage: '1Gi' } } } } },
    ),
    /field can not be less than status.capacity/,
  )

  await client.delete(persistentVolumeClaims, { name: 'data', namespace: 'default' })
  await cluster.until(() => isGone(client.get(persistentVolumes, { name })))
  assert.deepEqual(cluster.problems, [])
})

test('a directory that shall be kept is, and only then', async () => {
  await using cluster = await simulatedCluster(local)
  const { client } = cluster
  const volumeOf = async (name: string): Promise<PersistentVolume> => {
    await client.create(persistentVolumeClaims, claim(name))
    await choose(cluster, name, 'simulated-1')
    await cluster.until(async () => (await claimOf(cluster, name)).status?.phase === 'Bound')
    return client.get(persistentVolumes, { name: (await claimOf(cluster, name)).spec.volumeName! })
  }
  const [kept, dropped] = [await volumeOf('kept'), await volumeOf('dropped')]
  assert.deepEqual(
    kept.metadata.finalizers,
    ['kubernetes.io/pv-protection', 'external-provisioner.volume.kubernetes.io/finalizer'].toSorted(),
  )
  const policy = { type: 'merge', body: { spec: { persistentVolumeReclaimPolicy: 'Retain' } } } as const
  await client.patch(persistentVolumes, kept.metadata, policy)
  await cluster.until(
    async () => (await client.get(persistentVolumes, kept.metadata)).metadata.finalizers?.length === 1,
  )
  // Deleted first, a volume still waits for its directory.
  await client.delete(persistentVolumes, dropped.metadata)
  for (const name of ['kept', 'dropped']) await client.delete(persistentVolumeClaims, { name, namespace: 'default' })
  await cluster.until(() => isGone(client.get(persistentVolumes, dropped.metadata)))
  assert.equal((await client.get(persistentVolumes, kept.metadata)).status?.phase, 'Released')
})

test('a volume whose node is gone for good stays and says why', async () => {
  await using cluster = await simulatedCluster(local)
  const { client, nodes: played } = cluster
  await client.create(persistentVolumeClaims, claim('data'))
  await choose(cluster, 'data', 'simulated-3')
  await cluster.until(async () => (await claimsText(cluster)).includes('Bound'))
  played.pause('simulated-3')
  await client.delete(nodes, { name: 'simulated-3' })
  await client.patch(
    persistentVolumes,
    { name: (await claimOf(cluster, 'data')).spec.volumeName! },
    { type: 'merge', body: { metadata: { annotations: { 'k8ts.dev/node': 'gone' } } } },
  )
  await client.delete(persistentVolumeClaims, { name: 'data', namespace: 'default' })
  await cluster.clock.advance('10s')
  assert.match(await volumesText(cluster), /Released data/)
  assert.deepEqual(
    (await said(cluster, 'PersistentVolume')).map((text) => text.split(': ')[1]),
    ['Warning VolumeFailedDelete node "gone" is gone, and with it whoever could remove the directory of the volume'],
  )
})

test('a node that is off lets go of its volumes when it is back', async () => {
  await using cluster = await simulatedCluster(local)
  const { client, nodes: played } = cluster
  await client.create(persistentVolumeClaims, claim('data'))
  await choose(cluster, 'data', 'simulated-3')
  await cluster.until(async () => (await claimsText(cluster)).includes('Bound'))
  const name = (await claimOf(cluster, 'data')).spec.volumeName!
  played.stop('simulated-3')
  await client.delete(persistentVolumeClaims, { name: 'data', namespace: 'default' })
  await cluster.clock.advance('10s')
  const { status } = await client.get(persistentVolumes, { name })
  assert.deepEqual(
    [status?.phase, status?.reason, await said(cluster, 'PersistentVolume')],
    ['Released', undefined, []],
  )
  played.resume('simulated-3')
  await cluster.until(() => isGone(client.get(persistentVolumes, { name })))
})

test('a claim that no directory can serve says why', async () => {
  await using cluster = await simulatedCluster(local)
  const { client } = cluster
  await client.create(persistentVolumeClaims, claim('shared', { accessModes: ['ReadWriteMany'] }))
  await client.create(persistentVolumeClaims, claim('block', { volumeMode: 'Block' }))
  await client.create(persistentVolumeClaims, claim('nowhere'))
  await choose(cluster, 'shared', 'simulated-1')
  await choose(cluster, 'block', 'simulated-1')
  await choose(cluster, 'nowhere', 'unknown')
  await client.create(storageClasses, { metadata: { name: 'at-once' }, provisioner: 'k8ts.dev/local' })
  await client.create(persistentVolumeClaims, claim('early', { storageClassName: 'at-once' }))
  await cluster.clock.advance('5s')
  const failed = (await said(cluster, 'PersistentVolumeClaim')).filter((text) => text.includes('ProvisioningFailed'))
  assert.deepEqual(failed.toSorted(), [
    'block: Warning ProvisioningFailed failed to provision volume with StorageClass "standard": k8ts.dev/local makes directories and no block devices',
    'early: Warning ProvisioningFailed failed to provision volume with StorageClass "at-once": no node was chosen, and a directory belongs to one',
    'nowhere: Warning ProvisioningFailed failed to provision volume with StorageClass "standard": failed to get target node: nodes "unknown" not found',
    'shared: Warning ProvisioningFailed failed to provision volume with StorageClass "standard": k8ts.dev/local only supports the access modes ReadWriteOnce and ReadWriteOncePod',
  ])
  const { annotations } = (await claimOf(cluster, 'nowhere')).metadata
  assert.equal(annotations?.['volume.kubernetes.io/selected-node'], undefined)
})

test('the part of a node that removes directories may report of its own volumes alone', async () => {
  await using cluster = await simulatedCluster(local)
  const { client, server } = cluster
  await client.create(persistentVolumeClaims, claim('data'))
  await choose(cluster, 'data', 'simulated-2')
  await cluster.until(async () => (await claimsText(cluster)).includes('Bound'))
  const name = (await claimOf(cluster, 'data')).spec.volumeName!
  const removerOf = (node: string): Client =>
    clientOver(inProcessTransport(server, componentCaller(`k8ts:node-volumes:${node}`)) as Transport)
  const report = (reason: object) => ({ type: 'merge', body: { status: reason } }) as const
  const [own, other] = [removerOf('simulated-2'), removerOf('simulated-1')]
  await assert.rejects(
    other.patchStatus(persistentVolumes, { name }, report({ reason: 'DirectoryRemoved' })),
    /may only report of volumes of its own node/,
  )
  await assert.rejects(
    own.patchStatus(persistentVolumes, { name }, report({ phase: 'Released' })),
    /not allowed to update fields other than/,
  )
  await assert.rejects(
    own.patch(persistentVolumes, { name }, { type: 'merge', body: {} }),
    /cannot patch resource "persistentvolumes"/,
  )
  await assert.rejects(own.delete(persistentVolumes, { name }), /cannot delete resource "persistentvolumes"/)
  await own.patchStatus(persistentVolumes, { name }, report({ reason: 'Tried' }))
  assert.equal((await client.get(persistentVolumes, { name })).status?.reason, 'Tried')
})

test('a node refuses to remove what is not the directory of the volume, and says so once', async () => {
  await using cluster = await simulatedCluster(local)
  const { client } = cluster
  const annotations = { 'pv.kubernetes.io/provisioned-by': 'k8ts.dev/local', 'k8ts.dev/node': 'simulated-1' }
  const values = ['simulated-1']
  const matchExpressions = [{ key: 'kubernetes.io/hostname', operator: 'In' as const, values }]
  await client.create(persistentVolumes, {
    metadata: { name: 'by-hand', annotations },
    spec: {
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '1Gi' },
      claimRef: { name: 'gone', namespace: 'default', uid: 'gone' },
      local: { path: '/etc' },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions }] } },
      persistentVolumeReclaimPolicy: 'Delete',
    },
  })
  await cluster.clock.advance('1m')
  const { status } = await client.get(persistentVolumes, { name: 'by-hand' })
  const message = '"/etc" is not the directory of this volume: that is "/var/lib/k8ts/volumes/simulated-1/by-hand"'
  assert.deepEqual([status?.phase, status?.reason, status?.message], ['Released', 'RemovalFailed', message])
  assert.deepEqual(await said(cluster, 'PersistentVolume'), [`by-hand: Warning VolumeFailedDelete ${message}`])
  const { items } = await client.list(events, { fieldSelector: 'reason=VolumeFailedDelete' })
  assert.deepEqual(
    items.map(({ count }) => count),
    [1],
  )
})

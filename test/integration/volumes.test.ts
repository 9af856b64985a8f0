/** Claims, volumes and classes in a whole cluster under simulated time. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { events } from '#api/core/v1/event.ts'
import { nodes } from '#api/core/v1/node.ts'
import { persistentVolumeClaims, type PersistentVolumeClaim } from '#api/core/v1/persistentVolumeClaim.ts'
import { persistentVolumes, type PersistentVolume } from '#api/core/v1/persistentVolume.ts'
import { storageClasses } from '#api/storage/v1/storageClass.ts'
import { clientOver, type Client, type Draft } from '#client/client.ts'
import type { Transport } from '#client/transport.ts'
import { isReason } from '#machinery/status.ts'
import { componentCaller } from '#server/identities.ts'
import { inProcessTransport } from '#server/inProcess.ts'
import { simulatedCluster, type SimulatedCluster, type SimulatedClusterOptions } from '#simulation/simulatedCluster.ts'

/** Without the class that clusters begin with. */
async function classless(options: SimulatedClusterOptions): Promise<SimulatedCluster> {
  const cluster = await simulatedCluster(options)
  await cluster.client.delete(storageClasses, { name: 'standard' })
  return cluster
}

const binder = {
  nodes: 0,
  controllers: ['persistent-volume-binder', 'pvc-protection-controller', 'pv-protection-controller'],
  scheduler: false,
} as const

function claim(name: string, spec: Partial<PersistentVolumeClaim['spec']> = {}): Draft<PersistentVolumeClaim> {
  const resources = { requests: { storage: '1Gi' } }
  return { metadata: { name, namespace: 'default' }, spec: { accessModes: ['ReadWriteOnce'], resources, ...spec } }
}

function volume(name: string, spec: Partial<PersistentVolume['spec']> = {}): Draft<PersistentVolume> {
  const capacity = { storage: '1Gi' }
  return {
    metadata: { name },
    spec: { accessModes: ['ReadWriteOnce'], capacity, hostPath: { path: `/data/${name}` }, ...spec },
  }
}

async function claimOf({ client }: SimulatedCluster, name: string): Promise<PersistentVolumeClaim> {
  return client.get(persistentVolumeClaims, { name, namespace: 'default' })
}

/** `phase of volume`, for each claim. */
async function claimsText({ client }: SimulatedCluster): Promise<string> {
  const { items } = await client.list(persistentVolumeClaims)
  return items
    .map(({ metadata, spec, status }) => [metadata.name, status?.phase, spec.volumeName ?? ''].join(' ').trim())
    .join(', ')
}

async function volumesText({ client }: SimulatedCluster): Promise<string> {
  const { items } = await client.list(persistentVolumes)
  return items
    .map(({ metadata, spec, status }) => [metadata.name, status?.phase, spec.claimRef?.name ?? ''].join(' ').trim())
    .join(', ')
}

async function said({ client }: SimulatedCluster, kind: string): Promise<readonly string[]> {
  const { items } = await client.list(events, { fieldSelector: `involvedObject.kind=${kind}` })
  return items.map(
    ({ type, reason, message, involvedObject }) => `${involvedObject.name}: ${type} ${reason} ${message}`,
  )
}

async function isGone(read: Promise<unknown>): Promise<boolean> {
  return read.then(
    () => false,
    (error: unknown) => isReason(error, 'NotFound'),
  )
}

test('a claim gets the smallest volume that fits, and both say so', async () => {
  await using cluster = await classless(binder)
  const { client } = cluster
  await client.create(persistentVolumes, volume('large', { capacity: { storage: '5Gi' } }))
  await client.create(persistentVolumes, volume('fitting', { capacity: { storage: '2Gi' } }))
  await client.create(persistentVolumes, volume('small', { capacity: { storage: '512Mi' } }))
  await cluster.until(
    async () => (await volumesText(cluster)) === 'fitting Available, large Available, small Available',
  )
  await client.create(persistentVolumeClaims, claim('data', { storageClassName: '' }))
  await cluster.until(async () => (await claimsText(cluster)) === 'data Bound fitting')
  const { metadata, status } = await claimOf(cluster, 'data')
  assert.deepEqual(metadata.annotations, {
    'pv.kubernetes.io/bind-completed': 'yes',
    'pv.kubernetes.io/bound-by-controller': 'yes',
  })
  assert.deepEqual(status, { phase: 'Bound', accessModes: ['ReadWriteOnce'], capacity: { storage: '2Gi' } })
  assert.equal(await volumesText(cluster), 'fitting Bound data, large Available, small Available')
  const { metadata: of, spec } = await client.get(persistentVolumes, { name: 'fitting' })
  assert.deepEqual(of.annotations, { 'pv.kubernetes.io/bound-by-controller': 'yes' })
  assert.deepEqual([spec.claimRef?.uid, spec.claimRef?.kind], [metadata.uid, 'PersistentVolumeClaim'])
  assert.deepEqual(cluster.problems, [])
})

test('of many claims for one volume one gets it; the next comes when another volume does', async () => {
  await using cluster = await classless(binder)
  const { client } = cluster
  const names = ['a', 'b', 'c', 'd']
  await Promise.all(names.map((name) => client.create(persistentVolumeClaims, claim(name))))
  await client.create(persistentVolumes, volume('one'))
  await cluster.until(async () => (await volumesText(cluster)).startsWith('one Bound'))
  await cluster.clock.advance('1m')
  const bound = async (): Promise<number> => (await claimsText(cluster)).split('Bound').length - 1
  assert.equal(await bound(), 1)
  await Promise.all(['two', 'three', 'four'].map((name) => client.create(persistentVolumes, volume(name))))
  await cluster.until(async () => (await bound()) === 4)
  const { items } = await client.list(persistentVolumeClaims)
  assert.equal(new Set(items.map(({ spec }) => spec.volumeName)).size, 4)
})

test('a claim that cannot be bound says why', async () => {
  await using cluster = await classless(binder)
  const { client, causes } = cluster
  const lacking = { provisioner: 'kubernetes.io/no-provisioner' }
  await client.create(storageClasses, { metadata: { name: 'by-hand' }, ...lacking })
  await client.create(storageClasses, {
    metadata: { name: 'late' },
    ...lacking,
    volumeBindingMode: 'WaitForFirstConsumer',
  })
  await client.create(storageClasses, { metadata: { name: 'outside' }, provisioner: 'example.com/disks' })
  await client.create(persistentVolumes, volume('taken', { claimRef: { name: 'other', namespace: 'default' } }))
  await client.create(persistentVolumes, volume('small', { capacity: { storage: '1Mi' } }))
  await client.create(persistentVolumeClaims, claim('classless'))
  await client.create(persistentVolumeClaims, claim('unknown-class', { storageClassName: 'nowhere' }))
  await client.create(persistentVolumeClaims, claim('by-hand', { storageClassName: 'by-hand' }))
  await client.create(persistentVolumeClaims, claim('late', { storageClassName: 'late' }))
  await client.create(persistentVolumeClaims, claim('outside', { storageClassName: 'outside' }))
  await client.create(persistentVolumeClaims, claim('missing', { volumeName: 'missing' }))
  await client.create(persistentVolumeClaims, claim('late-comer', { volumeName: 'taken' }))
  await client.create(persistentVolumeClaims, claim('misfit', { volumeName: 'small' }))
  await cluster.clock.advance('1m')
  assert.deepEqual(await said(cluster, 'PersistentVolumeClaim'), [
    'by-hand: Warning ProvisioningFailed no volume plugin matched name: kubernetes.io/no-provisioner',
    'classless: Normal FailedBinding no persistent volumes available for this claim and no storage class is set',
    'late-comer: Warning FailedBinding volume "taken" already bound to a different claim.',
    'late: Normal WaitForFirstConsumer waiting for first consumer to be created before binding',
    'misfit: Warning VolumeMismatch Cannot bind to requested volume "small": requested PV is too small',
    'missing: Warning FailedBinding volume "missing" not found',
    "outside: Normal ExternalProvisioning Waiting for a volume to be created either by the external provisioner 'example.com/disks' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.",
    'unknown-class: Warning ProvisioningFailed storageclass.storage.k8s.io "nowhere" not found',
  ])
  const subject = { kind: 'PersistentVolumeClaim', namespace: 'default', name: 'unknown-class' }
  assert.deepEqual(
    causes.of(subject).map(({ component, reason }) => [component, reason]),
    [['persistent-volume-binder', 'ProvisioningFailed']],
  )
  const { metadata } = await claimOf(cluster, 'outside')
  assert.deepEqual(metadata.annotations, {
    'volume.beta.kubernetes.io/storage-provisioner': 'example.com/disks',
    'volume.kubernetes.io/storage-provisioner': 'example.com/disks',
  })
})

test('at rest nothing is written, though claims wait', async () => {
  await using cluster = await classless(binder)
  const { client, store } = cluster
  await client.create(persistentVolumes, volume('one'))
  await client.create(persistentVolumeClaims, claim('bound'))
  await cluster.until(async () => (await claimsText(cluster)) === 'bound Bound one')
  await client.create(persistentVolumeClaims, claim('waiting', { storageClassName: 'nowhere' }))
  await cluster.clock.advance('1m')
  const before = store.revision
  await cluster.clock.advance('30m')
  assert.equal(store.revision, before)
})

test('volumes whose claim is gone follow their policy', async () => {
  await using cluster = await classless(binder)
  const { client } = cluster
  const provisioned = { 'pv.kubernetes.io/provisioned-by': 'example.com/disks' }
  for (const [name, policy] of [
    ['keep', 'Retain'],
    ['drop', 'Delete'],
    ['reuse', 'Recycle'],
  ] as const) {
    await client.create(
      persistentVolumes,
      volume(name, { persistentVolumeReclaimPolicy: policy, claimRef: { name, namespace: 'default' } }),
    )
    await client.create(persistentVolumeClaims, claim(name))
  }
  const outside = volume('outside', {
    persistentVolumeReclaimPolicy: 'Delete',
    claimRef: { name: 'outside', namespace: 'default' },
  })
  await client.create(persistentVolumes, { ...outside, metadata: { ...outside.metadata, annotations: provisioned } })
  await client.create(persistentVolumeClaims, claim('outside'))
  await cluster.until(
    async () =>
      (await volumesText(cluster)) === 'drop Bound drop, keep Bound keep, outside Bound outside, reuse Bound reuse',
  )
  for (const name of ['keep', 'drop', 'reuse', 'outside']) {
    await client.delete(persistentVolumeClaims, { name, namespace: 'default' })
  }
  await cluster.until(
    async () =>
      (await volumesText(cluster)) ===
      'drop Failed drop, keep Released keep, outside Released outside, reuse Failed reuse',
  )
  assert.deepEqual(await said(cluster, 'PersistentVolume'), [
    'drop: Warning VolumeFailedDelete error getting deleter volume plugin for volume "drop": no deletable volume plugin matched',
    'reuse: Warning VolumeFailedRecycle No recycler plugin found for the volume!',
  ])
  assert.match(
    (await client.get(persistentVolumes, { name: 'drop' })).status?.message ?? '',
    /no deletable volume plugin/,
  )

  // Whoever takes the reservation away gives the volume to others.
  await client.patch(persistentVolumes, { name: 'keep' }, { type: 'merge', body: { spec: { claimRef: null } } })
  await cluster.until(async () => (await volumesText(cluster)).includes('keep Available'))
})

test('volumes that are made for a claim are kept for it', async () => {
  await using cluster = await classless(binder)
  const { client } = cluster
  await client.create(
    persistentVolumes,
    volume('kept', { capacity: { storage: '3Gi' }, claimRef: { name: 'mine', namespace: 'default' } }),
  )
  await client.create(persistentVolumes, volume('open'))
  await cluster.until(async () => (await volumesText(cluster)) === 'kept Available mine, open Available')
  await client.create(persistentVolumeClaims, claim('mine'))
  await client.create(persistentVolumeClaims, claim('other', { resources: { requests: { storage: '2Gi' } } }))
  await cluster.until(async () => (await claimsText(cluster)) === 'mine Bound kept, other Pending')
  const { metadata } = await client.get(persistentVolumes, { name: 'kept' })
  assert.equal(metadata.annotations?.['pv.kubernetes.io/bound-by-controller'], undefined)
})

test('a claim that lost its volume says so', async () => {
  await using cluster = await classless(binder)
  const { client } = cluster
  await client.create(persistentVolumes, volume('one'))
  await client.create(persistentVolumeClaims, claim('data'))
  await cluster.until(async () => (await claimsText(cluster)) === 'data Bound one')
  await client.delete(persistentVolumes, { name: 'one' })
  await cluster.clock.advance('1m')
  // The volume goes only when nobody has it.
  assert.notEqual((await client.get(persistentVolumes, { name: 'one' })).metadata.deletionTimestamp, undefined)
  await client.patch(persistentVolumes, { name: 'one' }, { type: 'merge', body: { metadata: { finalizers: null } } })
  await cluster.until(async () => (await claimsText(cluster)) === 'data Lost one')
  assert.deepEqual(await said(cluster, 'PersistentVolumeClaim'), [
    'data: Warning ClaimLost Bound claim has lost its PersistentVolume. Data on the volume is lost!',
  ])
})

test('a claim that names no class gets the default class when there is one', async () => {
  await using cluster = await classless(binder)
  const { client } = cluster
  await client.create(persistentVolumeClaims, claim('early'))
  await client.create(persistentVolumeClaims, claim('none', { storageClassName: '' }))
  await cluster.clock.advance('5s')
  const annotations = { 'storageclass.kubernetes.io/is-default-class': 'true' }
  await client.create(storageClasses, { metadata: { name: 'usual', annotations }, provisioner: 'example.com/disks' })
  await cluster.until(async () => (await claimOf(cluster, 'early')).spec.storageClassName === 'usual')
  assert.equal((await claimOf(cluster, 'none')).spec.storageClassName, '')
})

test('a claim and its volume in use wait until they are free', async () => {
  await using cluster = await classless(binder)
  const { client } = cluster
  await client.create(persistentVolumes, volume('one'))
  await client.create(persistentVolumeClaims, claim('data'))
  await cluster.until(async () => (await claimsText(cluster)) === 'data Bound one')
  await client.delete(persistentVolumes, { name: 'one' })
  await client.delete(persistentVolumeClaims, { name: 'data', namespace: 'default' })
  await cluster.until(() => isGone(claimOf(cluster, 'data')))
  await cluster.until(() => isGone(client.get(persistentVolumes, { name: 'one' })))
})

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
  assert.deepEqual(spec.local, { path: `/simulated/volumes/simulated-2/${name}` })
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

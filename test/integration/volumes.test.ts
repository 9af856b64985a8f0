/** Claims, volumes and classes in a whole cluster under simulated time. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { persistentVolumeClaims } from '#api/core/v1/persistentVolumeClaim.ts'
import { persistentVolumes } from '#api/core/v1/persistentVolume.ts'
import { storageClasses } from '#api/storage/v1/storageClass.ts'
import { binder, claim, claimOf, claimsText, classless, isGone, said, volume, volumesText } from './volumesFixture.ts'
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
  await client.create(
    persistentVolumes,
    volume('brief', {
      persistentVolumeReclaimPolicy: 'Delete',
      claimRef: { name: 'brief', namespace: 'default' },
      hostPath: { path: '/tmp/brief' },
    }),
  )
  await client.create(persistentVolumeClaims, claim('brief'))
  const outside = volume('outside', {
    persistentVolumeReclaimPolicy: 'Delete',
    claimRef: { name: 'outside', namespace: 'default' },
  })
  await client.create(persistentVolumes, { ...outside, metadata: { ...outside.metadata, annotations: provisioned } })
  await client.create(persistentVolumeClaims, claim('outside'))
  await cluster.until(
    async () =>
      (await volumesText(cluster)) ===
      'brief Bound brief, drop Bound drop, keep Bound keep, outside Bound outside, reuse Bound reuse',
  )
  for (const name of ['brief', 'keep', 'drop', 'reuse', 'outside']) {
    await client.delete(persistentVolumeClaims, { name, namespace: 'default' })
  }
  await cluster.until(
    async () =>
      (await volumesText(cluster)) ===
      'drop Failed drop, keep Released keep, outside Released outside, reuse Failed reuse',
  )
  assert.deepEqual(await said(cluster, 'PersistentVolume'), [
    'drop: Warning VolumeFailedDelete host_path deleter only supports /tmp/.+ but received provided /data/drop',
    'reuse: Warning VolumeFailedRecycle No recycler plugin found for the volume!',
  ])
  assert.match(
    (await client.get(persistentVolumes, { name: 'drop' })).status?.message ?? '',
    /host_path deleter only supports/,
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

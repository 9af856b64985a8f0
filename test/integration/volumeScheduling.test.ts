/** Pods with claims: where they go, and what becomes of their volumes, under simulated time. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodes } from '#api/core/v1/node.ts'
import { persistentVolumeClaims } from '#api/core/v1/persistentVolumeClaim.ts'
import { persistentVolumes } from '#api/core/v1/persistentVolume.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import { csiDrivers } from '#api/storage/v1/csiDriver.ts'
import { csiNodes } from '#api/storage/v1/csiNode.ts'
import { csiStorageCapacities } from '#api/storage/v1/csiStorageCapacity.ts'
import { storageClasses } from '#api/storage/v1/storageClass.ts'
import type { Draft } from '#client/client.ts'
import { isReason } from '#machinery/status.ts'
import { simulatedCluster, type SimulatedCluster } from '#simulation/simulatedCluster.ts'
import { claim, claimOf, claimsText, said, volume, volumesText } from './volumesFixture.ts'

function pod(name: string, claims: readonly string[], spec: Partial<Pod['spec']> = {}): Draft<Pod> {
  const volumes = claims.map((claimName) => ({ name: claimName, persistentVolumeClaim: { claimName } }))
  return {
    metadata: { name, namespace: 'default' },
    spec: { containers: [{ name: 'c', image: 'busybox:1.35' }], volumes, ...spec },
  }
}

async function settled(count = 3): Promise<SimulatedCluster> {
  const cluster = await simulatedCluster({ nodes: count })
  await cluster.until(async () =>
    (await cluster.client.list(nodes)).items.every(({ spec }) => (spec.taints ?? []).length === 0),
  )
  return cluster
}

const at = (name: string) => ({ name, namespace: 'default' })

async function nodeOf({ client }: SimulatedCluster, name: string): Promise<string> {
  return (await client.get(pods, at(name))).spec.nodeName ?? ''
}

/** What the condition `PodScheduled` says of a pod that waits. */
async function waitText({ client }: SimulatedCluster, name: string): Promise<string> {
  const { status } = await client.get(pods, at(name))
  return status?.conditions?.find(({ type }) => type === 'PodScheduled')?.message ?? ''
}

/** Volumes of a class that are bound when a pod needs them, one on each node. */
async function makeLocalVolumes({ client }: SimulatedCluster, sizes: Readonly<Record<string, string>>): Promise<void> {
  await client.create(storageClasses, {
    metadata: { name: 'by-hand' },
    provisioner: 'kubernetes.io/no-provisioner',
    volumeBindingMode: 'WaitForFirstConsumer',
  })
  for (const [node, storage] of Object.entries(sizes)) {
    const { metadata, spec } = volume(`on-${node}`, { capacity: { storage }, storageClassName: 'by-hand' })
    const { hostPath: _hostPath, ...rest } = spec
    const requirement = { key: 'kubernetes.io/hostname', operator: 'In', values: [node] } as const
    const required = { nodeSelectorTerms: [{ matchExpressions: [{ ...requirement, values: [node] }] }] }
    await client.create(persistentVolumes, {
      metadata,
      spec: { ...rest, local: { path: '/data' }, nodeAffinity: { required } },
    })
  }
}

test('a pod with a claim of the standard class runs where its directory is made', async () => {
  await using cluster = await settled()
  const { client } = cluster
  await client.create(persistentVolumeClaims, claim('data'))
  await client.create(pods, pod('web', ['data']))
  await cluster.until(async () => (await client.get(pods, at('web'))).status?.phase === 'Running')
  const node = await nodeOf(cluster, 'web')
  const { metadata, spec, status } = await claimOf(cluster, 'data')
  assert.equal(status?.phase, 'Bound')
  assert.equal(metadata.annotations?.['volume.kubernetes.io/selected-node'], node)
  const { metadata: of } = await client.get(persistentVolumes, { name: spec.volumeName! })
  assert.equal(of.annotations?.['k8ts.dev/node'], node)

  // The next pod follows the volume, also when its node is full of reasons to go elsewhere.
  await client.delete(pods, at('web'))
  await cluster.until(async () =>
    client.get(pods, at('web')).then(
      () => false,
      (error: unknown) => isReason(error, 'NotFound'),
    ),
  )
  await client.create(pods, pod('next', ['data']))
  await cluster.until(async () => (await nodeOf(cluster, 'next')) === node)
  await client.create(
    pods,
    pod('elsewhere', ['data'], {
      nodeSelector: { 'kubernetes.io/hostname': node === 'simulated-1' ? 'simulated-2' : 'simulated-1' },
    }),
  )
  await cluster.until(async () => (await waitText(cluster, 'elsewhere')) !== '')
  assert.match(
    await waitText(cluster, 'elsewhere'),
    /^0\/3 nodes are available: 1 node\(s\) had volume node affinity conflict, 2 node\(s\) didn't match Pod's node affinity\/selector\. /,
  )
  assert.deepEqual(cluster.problems, [])
})

test('pods are placed by the volumes that are left on the nodes', async () => {
  await using cluster = await settled()
  const { client } = cluster
  await makeLocalVolumes(cluster, { 'simulated-1': '5Gi', 'simulated-2': '1Gi', 'simulated-3': '3Gi' })
  await cluster.until(async () => (await volumesText(cluster)).split('Available').length === 4)
  const names = ['a', 'b', 'c']
  for (const [index, name] of names.entries()) {
    const resources = { requests: { storage: `${index + 1}Gi` } }
    await client.create(persistentVolumeClaims, claim(name, { storageClassName: 'by-hand', resources }))
  }
  // The largest first, so that each can still be served.
  for (const name of names.toReversed()) {
    await client.create(pods, pod(name, [name]))
    await cluster.until(async () => (await nodeOf(cluster, name)) !== '')
  }
  const placed = await Promise.all(names.map((name) => nodeOf(cluster, name)))
  assert.equal(new Set(placed).size, 3)
  for (const [index, name] of names.entries()) {
    assert.equal((await claimOf(cluster, name)).spec.volumeName, `on-${placed[index]}`)
  }
  await client.create(persistentVolumeClaims, claim('d', { storageClassName: 'by-hand' }))
  await client.create(pods, pod('d', ['d']))
  await cluster.until(async () => (await waitText(cluster, 'd')) !== '')
  assert.match(
    await waitText(cluster, 'd'),
    /^0\/3 nodes are available: 3 node\(s\) didn't find available persistent volumes to bind\. .* Preemption is not helpful/,
  )
  await cluster.clock.advance('1s')
  const waiting = (await said(cluster, 'PersistentVolumeClaim')).filter((text) => text.startsWith('d:'))
  assert.deepEqual(waiting.toSorted(), [
    'd: Normal WaitForFirstConsumer waiting for first consumer to be created before binding',
    'd: Normal WaitForPodScheduled waiting for pod d to be scheduled',
  ])
  // A volume that comes lets it go on.
  const free = volume('late', { storageClassName: 'by-hand' })
  await client.create(persistentVolumes, free)
  await cluster.until(async () => (await nodeOf(cluster, 'd')) !== '')
})

test('two claims of one pod get two volumes of one node, or none', async () => {
  await using cluster = await settled()
  const { client } = cluster
  await makeLocalVolumes(cluster, { 'simulated-1': '1Gi', 'simulated-2': '1Gi' })
  const { metadata, spec } = await client.get(persistentVolumes, { name: 'on-simulated-2' })
  await client.create(persistentVolumes, { metadata: { name: `${metadata.name}-too` }, spec })
  for (const name of ['one', 'two'])
    await client.create(persistentVolumeClaims, claim(name, { storageClassName: 'by-hand' }))
  await client.create(pods, pod('web', ['one', 'two']))
  await cluster.until(async () => (await nodeOf(cluster, 'web')) === 'simulated-2')
  assert.match(await claimsText(cluster), /one Bound on-simulated-2.*two Bound on-simulated-2/)
  assert.match(await volumesText(cluster), /on-simulated-1 Available/)
})

test('a pod whose claim is not ready says why, and goes on when it is', async () => {
  await using cluster = await settled()
  const { client } = cluster
  await client.create(pods, pod('missing', ['nowhere']))
  await client.create(persistentVolumeClaims, claim('immediate', { storageClassName: '' }))
  await client.create(pods, pod('immediate', ['immediate']))
  await cluster.until(
    async () => (await waitText(cluster, 'missing')) !== '' && (await waitText(cluster, 'immediate')) !== '',
  )
  assert.match(
    await waitText(cluster, 'missing'),
    /^0\/3 nodes are available: persistentvolumeclaim "nowhere" not found\. /,
  )
  assert.match(
    await waitText(cluster, 'immediate'),
    /^0\/3 nodes are available: pod has unbound immediate PersistentVolumeClaims\. /,
  )
  await client.create(persistentVolumes, volume('one'))
  await cluster.until(async () => (await nodeOf(cluster, 'immediate')) !== '')
  await client.create(persistentVolumeClaims, claim('nowhere'))
  await cluster.until(async () => (await nodeOf(cluster, 'missing')) !== '')
})

test('a claim for one pod alone is used by one pod at a time', async () => {
  await using cluster = await settled()
  const { client } = cluster
  await client.create(persistentVolumeClaims, claim('data', { accessModes: ['ReadWriteOncePod'] }))
  await client.create(pods, pod('first', ['data']))
  await cluster.until(async () => (await nodeOf(cluster, 'first')) !== '')
  await client.create(pods, pod('second', ['data']))
  await cluster.until(async () => (await waitText(cluster, 'second')) !== '')
  assert.match(
    await waitText(cluster, 'second'),
    /node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode/,
  )
  await client.delete(pods, at('first'))
  await cluster.until(async () => (await nodeOf(cluster, 'second')) !== '')
})

test('a pod with a generic ephemeral volume gets a claim that goes with it', async () => {
  await using cluster = await settled()
  const { client } = cluster
  const { spec } = claim('')
  const ephemeral = { volumes: [{ name: 'scratch', ephemeral: { volumeClaimTemplate: { spec } } }] }
  await client.create(pods, pod('web', [], ephemeral))
  await cluster.until(async () => (await client.get(pods, at('web'))).status?.phase === 'Running')
  const { metadata } = await claimOf(cluster, 'web-scratch')
  assert.deepEqual(
    metadata.ownerReferences?.map(({ kind, name, controller }) => [kind, name, controller]),
    [['Pod', 'web', true]],
  )
  await client.create(persistentVolumeClaims, claim('taken-scratch'))
  await client.create(pods, pod('taken', [], ephemeral))
  await cluster.until(async () => (await waitText(cluster, 'taken')) !== '')
  const problem = 'PVC default/taken-scratch was not created for pod default/taken (pod is not owner)'
  assert.ok((await waitText(cluster, 'taken')).startsWith(`0/3 nodes are available: ${problem}. `))
  assert.ok((await said(cluster, 'Pod')).includes(`taken: Warning FailedBinding ephemeral volume scratch: ${problem}`))
  await client.delete(pods, at('web'))
  await cluster.until(async () => (await client.list(persistentVolumes)).items.length === 0)
  assert.equal((await claimOf(cluster, 'taken-scratch')).metadata.deletionTimestamp, undefined)
})

test('a claim that a pod uses waits with its end until the pod is gone', async () => {
  await using cluster = await settled()
  const { client } = cluster
  await client.create(persistentVolumeClaims, claim('data'))
  await client.create(pods, pod('web', ['data']))
  await cluster.until(async () => (await nodeOf(cluster, 'web')) !== '')
  await client.delete(persistentVolumeClaims, at('data'))
  await cluster.clock.advance('1m')
  assert.notEqual((await claimOf(cluster, 'data')).metadata.deletionTimestamp, undefined)
  await client.create(pods, pod('late', ['data']))
  await cluster.until(async () => (await waitText(cluster, 'late')) !== '')
  assert.match(await waitText(cluster, 'late'), /persistentvolumeclaim "data" is being deleted/)
  await client.delete(pods, at('web'))
  await cluster.until(async () => (await client.list(persistentVolumes)).items.length === 0)
})

test('a class says where its volumes can be made, and a driver how large', async () => {
  await using cluster = await settled()
  const { client } = cluster
  const disks = { provisioner: 'example.com/disks', volumeBindingMode: 'WaitForFirstConsumer' } as const
  const matchLabelExpressions = [{ key: 'kubernetes.io/hostname', values: ['simulated-3'] }]
  await client.create(storageClasses, {
    metadata: { name: 'third' },
    ...disks,
    allowedTopologies: [{ matchLabelExpressions }],
  })
  await client.create(storageClasses, { metadata: { name: 'measured' }, ...disks, provisioner: 'measured.example.com' })
  await client.create(csiDrivers, { metadata: { name: 'measured.example.com' }, spec: { storageCapacity: true } })
  for (const [node, capacity] of [
    ['simulated-1', '1Mi'],
    ['simulated-2', '10Gi'],
  ] as const) {
    await client.create(csiStorageCapacities, {
      metadata: at(node),
      storageClassName: 'measured',
      nodeTopology: { matchLabels: { 'kubernetes.io/hostname': node } },
      capacity,
    })
  }
  for (const name of ['third', 'measured']) {
    await client.create(persistentVolumeClaims, claim(name, { storageClassName: name }))
    await client.create(pods, pod(name, [name]))
  }
  const chosen = async (name: string) =>
    (await claimOf(cluster, name)).metadata.annotations?.['volume.kubernetes.io/selected-node']
  await cluster.until(
    async () => (await chosen('third')) === 'simulated-3' && (await chosen('measured')) === 'simulated-2',
  )
  await client.create(
    persistentVolumeClaims,
    claim('huge', { storageClassName: 'measured', resources: { requests: { storage: '1Ti' } } }),
  )
  await client.create(pods, pod('huge', ['huge']))
  await cluster.until(async () => (await waitText(cluster, 'huge')) !== '')
  assert.match(await waitText(cluster, 'huge'), /3 node\(s\) did not have enough free storage/)

  // Whoever makes volumes does not come: after ten minutes the pod is placed anew.
  assert.equal(await nodeOf(cluster, 'third'), '')
  await cluster.until(async () => (await said(cluster, 'Pod')).some((text) => text.startsWith('third: ')), '11m')
  assert.deepEqual(
    (await said(cluster, 'Pod')).filter((text) => text.startsWith('third: ')),
    [
      'third: Warning FailedScheduling running PreBind plugin "VolumeBinding": binding volumes: context deadline exceeded',
    ],
  )
})

test('a node takes no more volumes of a driver than that says', async () => {
  await using cluster = await settled(2)
  const { client } = cluster
  for (const node of ['simulated-1', 'simulated-2']) {
    await client.create(csiNodes, {
      metadata: { name: node },
      spec: { drivers: [{ name: 'disks.example.com', nodeID: node, allocatable: { count: 1 } }] },
    })
  }
  for (const name of ['a', 'b', 'c']) {
    const { hostPath: _hostPath, ...spec } = volume(name, { claimRef: at(name) }).spec
    await client.create(persistentVolumes, {
      metadata: { name },
      spec: { ...spec, csi: { driver: 'disks.example.com', volumeHandle: name } },
    })
    await client.create(persistentVolumeClaims, claim(name, { storageClassName: '' }))
  }
  await cluster.until(async () => (await volumesText(cluster)) === 'a Bound a, b Bound b, c Bound c')
  for (const name of ['a', 'b', 'c']) await client.create(pods, pod(name, [name]))
  const placed = async () => (await client.list(pods)).items.map(({ spec }) => spec.nodeName ?? '').toSorted()
  await cluster.until(async () => (await placed()).filter((node) => node !== '').length === 2)
  assert.deepEqual(await placed(), ['', 'simulated-1', 'simulated-2'])
  const { items } = await client.list(pods)
  const waiting = items.find(({ spec }) => (spec.nodeName ?? '') === '')!
  assert.match(await waitText(cluster, waiting.metadata.name), /2 node\(s\) exceed max volume count/)
  await client.delete(pods, at(items.find(({ spec }) => spec.nodeName === 'simulated-2')!.metadata.name))
  await cluster.until(async () => (await nodeOf(cluster, waiting.metadata.name)) === 'simulated-2')
})

/** StatefulSets on simulated nodes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { controllerRevisions } from '#api/apps/v1/controllerRevision.ts'
import { statefulSets, type StatefulSet } from '#api/apps/v1/statefulSet.ts'
import { persistentVolumeClaims } from '#api/core/v1/persistentVolumeClaim.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import { resourceQuotas } from '#api/core/v1/resourceQuota.ts'
import type { Draft } from '#client/client.ts'
import { isReady } from '#controllers/podAvailability.ts'
import type { SimulatedCluster } from '#simulation/simulatedCluster.ts'
import {
  at,
  eventsOf,
  followWrites,
  imagePatch,
  isThere,
  mergePatch,
  podsOf,
  replicasPatch,
  selector,
  templateOf,
  untilHolds,
  withNodes,
} from '../conformance/workloads.ts'
import { namespace } from './controllersCluster.ts'

function statefulSet(
  spec: Partial<StatefulSet['spec']> = {},
  annotations?: Record<string, string>,
): Draft<StatefulSet> {
  return {
    metadata: at('web'),
    spec: { replicas: 3, serviceName: 'web', selector, template: templateOf('a:1', annotations), ...spec },
  }
}

const claimTemplates: StatefulSet['spec']['volumeClaimTemplates'] = [
  {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'data', labels: { kind: 'data' } },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, storageClassName: 'none' },
  },
]

const settled = (cluster: SimulatedCluster, count: number, limit?: string): Promise<StatefulSet> =>
  untilHolds(
    cluster,
    statefulSets,
    'web',
    ({ metadata, status }) =>
      status?.observedGeneration === metadata.generation &&
      status?.replicas === count &&
      (status.availableReplicas ?? 0) === count &&
      status.currentRevision === status.updateRevision,
    limit,
  )

const names = (list: readonly Pod[]): string =>
  list
    .map(({ metadata }) => metadata.name)
    .toSorted()
    .join()
const images = (list: readonly Pod[]): string => list.map(({ spec }) => spec.containers[0]!.image).join()

/** Follows pods: what came and went, and whether one was there twice. */
function follow(cluster: SimulatedCluster): { readonly told: readonly string[] } & Disposable {
  const told: string[] = []
  const copies = cluster.informers.of(pods)
  const subscription = copies.onChange((change) => {
    if (change.new === undefined) told.push(`gone ${change.old!.metadata.name}`)
    else if (change.old === undefined) told.push(`new ${change.new.metadata.name}`)
    else if (isReady(change.new) && !isReady(change.old)) told.push(`ready ${change.new.metadata.name}`)
  })
  return { told, [Symbol.dispose]: () => subscription[Symbol.dispose]() }
}

test('pods come in order, each once the one before is ready, and go in reverse', () =>
  withNodes(async (cluster) => {
    const { client } = cluster
    using seen = follow(cluster)
    await client.create(statefulSets, statefulSet({}, { 'simulation.k8ts.dev/ready-after': '3s' }))
    const set = await settled(cluster, 3)
    assert.deepEqual(
      seen.told,
      [0, 1, 2].flatMap((ordinal) => [`new web-${ordinal}`, `ready web-${ordinal}`]),
    )
    const revision = set.status!.currentRevision!
    assert.deepEqual(set.status, {
      observedGeneration: 1,
      replicas: 3,
      readyReplicas: 3,
      currentReplicas: 3,
      updatedReplicas: 3,
      currentRevision: revision,
      updateRevision: revision,
      collisionCount: 0,
      availableReplicas: 3,
    })
    const { metadata, spec } = await client.get(pods, at('web-1'))
    assert.deepEqual(metadata.labels, {
      app: 'shown',
      'apps.kubernetes.io/pod-index': '1',
      'controller-revision-hash': revision,
      'statefulset.kubernetes.io/pod-name': 'web-1',
    })
    assert.deepEqual([spec.hostname, spec.subdomain, metadata.generateName], ['web-1', 'web', 'web-'])

    await client.patch(statefulSets, at('web'), replicasPatch(1))
    await settled(cluster, 1)
    assert.deepEqual(seen.told.slice(6), ['gone web-2', 'gone web-1'])
    assert.deepEqual(await eventsOf(cluster, 'web'), [
      ...[0, 1, 2].map((ordinal) => `SuccessfulCreate create Pod web-${ordinal} in StatefulSet web successful`),
      ...[2, 1].map((ordinal) => `SuccessfulDelete delete Pod web-${ordinal} in StatefulSet web successful`),
    ])
  }))

test('with Parallel pods come and go together, numbered from where they should begin', () =>
  withNodes(async (cluster) => {
    const { client } = cluster
    using seen = follow(cluster)
    const annotations = { 'simulation.k8ts.dev/ready-after': '30s' }
    await client.create(
      statefulSets,
      statefulSet({ podManagementPolicy: 'Parallel', ordinals: { start: 5 } }, annotations),
    )
    await cluster.until(async () => (await podsOf(cluster)).length === 3, '5s')
    assert.equal(names(await podsOf(cluster)), 'web-5,web-6,web-7')
    await settled(cluster, 3)
    await client.patch(statefulSets, at('web'), mergePatch({ spec: { ordinals: { start: 6 } } }))
    await cluster.until(async () => names(await podsOf(cluster)) === 'web-6,web-7,web-8')
    assert.ok(seen.told.includes('gone web-5'))
  }))

test('a pod that ended is made again under its name, once it has gone', () =>
  withNodes(async (cluster) => {
    const { client } = cluster
    await client.create(statefulSets, statefulSet())
    await settled(cluster, 3)
    for (const phase of ['Failed', 'Succeeded']) {
      const before = await client.get(pods, at('web-1'))
      await client.patchStatus(pods, at('web-1'), mergePatch({ status: { phase } }))
      await cluster.until(async () =>
        (await podsOf(cluster)).some(
          ({ metadata }) => metadata.name === 'web-1' && metadata.uid !== before.metadata.uid,
        ),
      )
      await settled(cluster, 3)
    }
    await client.delete(pods, at('web-0'))
    await settled(cluster, 3)
  }))

test('a rollout replaces pods from the highest number down to the partition, and goes back', () =>
  withNodes(async (cluster) => {
    const { client } = cluster
    const partition = (number: number) =>
      mergePatch({ spec: { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: number } } } })
    await client.create(statefulSets, statefulSet())
    const first = await settled(cluster, 3)
    await client.patch(statefulSets, at('web'), partition(2))
    using seen = follow(cluster)
    await client.patch(statefulSets, at('web'), imagePatch('a:2'))
    const canary = await untilHolds(
      cluster,
      statefulSets,
      'web',
      ({ status }) => status?.updatedReplicas === 1 && status.readyReplicas === 3,
    )
    assert.equal(images(await podsOf(cluster)), 'a:1,a:1,a:2')
    assert.equal(canary.status!.currentRevision, first.status!.currentRevision)
    assert.deepEqual([canary.status!.currentReplicas, canary.status!.updatedReplicas], [2, 1])
    await client.delete(pods, at('web-0'))
    await cluster.clock.advance('1s')
    await cluster.until(async () => (await podsOf(cluster)).filter(isReady).length === 3)
    assert.equal(images(await podsOf(cluster)), 'a:1,a:1,a:2', 'below the partition pods come back as they were')

    await client.patch(statefulSets, at('web'), partition(0))
    const second = await settled(cluster, 3)
    assert.equal(images(await podsOf(cluster)), 'a:2,a:2,a:2')
    assert.notEqual(second.status!.currentRevision, first.status!.currentRevision)
    const gone = seen.told.filter((each) => each.startsWith('gone'))
    assert.deepEqual(gone, ['gone web-2', 'gone web-0', 'gone web-1', 'gone web-0'])

    await client.patch(statefulSets, at('web'), imagePatch('a:1'))
    const third = await settled(cluster, 3)
    assert.equal(third.status!.currentRevision, first.status!.currentRevision, 'it goes back to the same revision')
    const { items } = await client.list(controllerRevisions, { namespace })
    assert.deepEqual(
      items.map(({ metadata, revision }) => [metadata.name === first.status!.currentRevision, revision]).toSorted(),
      [
        [false, 2],
        [true, 3],
      ],
    )
  }))

test('with OnDelete pods are replaced by hand', () =>
  withNodes(async (cluster) => {
    const { client } = cluster
    await client.create(statefulSets, statefulSet({ updateStrategy: { type: 'OnDelete' } }))
    await settled(cluster, 3)
    await client.patch(statefulSets, at('web'), imagePatch('a:2'))
    await cluster.clock.advance('30s')
    assert.equal(images(await podsOf(cluster)), 'a:1,a:1,a:1')
    await client.delete(pods, at('web-1'))
    await untilHolds(cluster, statefulSets, 'web', ({ status }) => status?.updatedReplicas === 1)
    assert.equal(images(await podsOf(cluster)), 'a:1,a:2,a:1')
  }))

test('a release that cannot run stops at its first pod, says why, and needs that pod deleted after it was undone', () =>
  withNodes(async (cluster) => {
    const { client } = cluster
    await client.create(statefulSets, statefulSet())
    await settled(cluster, 3)
    const crash = (value: string | null) =>
      mergePatch({ spec: { template: { metadata: { annotations: { 'simulation.k8ts.dev/crash': value } } } } })
    await client.patch(statefulSets, at('web'), crash('always'))
    await cluster.clock.advance('1m')
    const [cause] = cluster.causes.of({ kind: 'StatefulSet', ...at('web') })
    assert.match(cause!.message, /^The container "c" of pod "web-2" ends again and again, last with exit code 1/)
    assert.equal((await podsOf(cluster)).filter(isReady).length, 2)
    await client.patch(statefulSets, at('web'), crash(null))
    await cluster.clock.advance('2m')
    assert.equal(isReady(await client.get(pods, at('web-2'))), false, 'a known limit of OrderedReady')
    await client.delete(pods, at('web-2'))
    await settled(cluster, 3)
    assert.deepEqual(cluster.causes.of({ kind: 'StatefulSet', ...at('web') }), [])
  }))

test('minReadySeconds holds each pod back', () =>
  withNodes(async (cluster) => {
    await cluster.client.create(statefulSets, statefulSet({ minReadySeconds: 10 }))
    const began = cluster.clock.now()
    await settled(cluster, 3)
    const took = (cluster.clock.now() - began) / 1000
    assert.ok(took >= 30 && took <= 40, `available after ${took} s`)
  }))

test('claims are made before their pods, stay when those go, and are found again', () =>
  withNodes(async (cluster) => {
    const { client } = cluster
    const volumes = { volumeClaimTemplates: claimTemplates, podManagementPolicy: 'Parallel' } as const
    const template = templateOf()
    template.spec.containers[0]!.volumeMounts = [{ name: 'data', mountPath: '/data' }]
    await client.create(statefulSets, statefulSet({ ...volumes, replicas: 2, template }))
    await cluster.until(async () => (await podsOf(cluster)).length === 2)
    const claim = await client.get(persistentVolumeClaims, at('data-web-1'))
    assert.deepEqual(claim.metadata.labels, { app: 'shown', kind: 'data' })
    assert.equal(claim.metadata.ownerReferences, undefined)
    const { spec } = await client.get(pods, at('web-1'))
    assert.deepEqual(spec.volumes![0], { name: 'data', persistentVolumeClaim: { claimName: 'data-web-1' } })
    assert.deepEqual((await eventsOf(cluster, 'web')).slice(0, 2), [
      'SuccessfulCreate create Claim data-web-0 Pod web-0 in StatefulSet web success',
      'SuccessfulCreate create Pod web-0 in StatefulSet web successful',
    ])
    await client.patch(statefulSets, at('web'), replicasPatch(0))
    await cluster.until(async () => (await podsOf(cluster)).length === 0)
    await client.patch(statefulSets, at('web'), replicasPatch(2))
    await cluster.until(async () => (await podsOf(cluster)).length === 2)
    assert.equal((await client.get(persistentVolumeClaims, at('data-web-1'))).metadata.uid, claim.metadata.uid)
    await client.delete(statefulSets, at('web'), { propagationPolicy: 'Background' })
    await cluster.until(async () => (await podsOf(cluster)).length === 0)
    assert.equal((await client.list(persistentVolumeClaims, { namespace })).items.length, 2)
  }))

for (const [whenScaled, whenDeleted, left] of [
  ['Retain', 'Delete', ''],
  ['Delete', 'Retain', 'data-web-0'],
  ['Delete', 'Delete', ''],
] as const) {
  test(`claims of ${whenScaled} when scaled and ${whenDeleted} when deleted`, () =>
    withNodes(async (cluster) => {
      const { client } = cluster
      const persistentVolumeClaimRetentionPolicy = { whenScaled, whenDeleted }
      const policy = { persistentVolumeClaimRetentionPolicy, podManagementPolicy: 'Parallel' } as const
      await client.create(statefulSets, statefulSet({ ...policy, replicas: 3, volumeClaimTemplates: claimTemplates }))
      const claims = async () =>
        (await client.list(persistentVolumeClaims, { namespace })).items.map(({ metadata }) => metadata.name).join()
      await cluster.until(async () => (await claims()) === 'data-web-0,data-web-1,data-web-2')
      await cluster.clock.advance('5s')
      await client.patch(statefulSets, at('web'), replicasPatch(1))
      const kept = whenScaled === 'Delete' ? 'data-web-0' : 'data-web-0,data-web-1,data-web-2'
      await cluster.until(async () => (await podsOf(cluster)).length === 1)
      await cluster.until(async () => (await claims()) === kept)
      await client.patch(statefulSets, at('web'), replicasPatch(2))
      await cluster.until(async () => (await podsOf(cluster)).length === 2)
      await cluster.clock.advance('10s')
      await client.patch(statefulSets, at('web'), replicasPatch(1))
      await cluster.until(async () => (await podsOf(cluster)).length === 1)
      await client.delete(statefulSets, at('web'), { propagationPolicy: 'Background' })
      await cluster.until(async () => (await podsOf(cluster)).length === 0)
      await cluster.until(async () => (await claims()) === left)
    }))
}

test('an identity never runs twice: not while its node is silent, and not when that comes back', () =>
  withNodes(async (cluster) => {
    const { client, clock } = cluster
    await client.create(statefulSets, statefulSet())
    await settled(cluster, 3)
    const lost = await client.get(pods, at('web-1'))
    cluster.nodes.pause(lost.spec.nodeName!)
    await clock.advance('10m')
    const waiting = await client.get(pods, at('web-1'))
    assert.equal(waiting.metadata.uid, lost.metadata.uid)
    assert.notEqual(waiting.metadata.deletionTimestamp, undefined, 'the node controller asked it to go')
    const [cause] = cluster.causes.of({ kind: 'StatefulSet', ...at('web') })
    assert.equal(cause?.message, 'Pod "web-1" is waited for: it is being deleted')
    await clock.advance('2h')
    assert.equal((await client.get(pods, at('web-1'))).metadata.uid, lost.metadata.uid, 'nobody takes its place')
    cluster.nodes.resume(lost.spec.nodeName!)
    await settled(cluster, 3)
    assert.notEqual((await client.get(pods, at('web-1'))).metadata.uid, lost.metadata.uid)
  }))

test('what cannot be made is told, and made once it can be', () =>
  withNodes(async (cluster) => {
    const { client } = cluster
    await client.create(resourceQuotas, { metadata: at('few'), spec: { hard: { persistentvolumeclaims: '1' } } })
    await untilHolds(cluster, resourceQuotas, 'few', ({ status }) => status?.hard !== undefined)
    const template = templateOf()
    template.spec.nodeSelector = { is: 'nowhere' }
    const spec = { podManagementPolicy: 'Parallel', volumeClaimTemplates: claimTemplates, template } as const
    await client.create(statefulSets, statefulSet({ ...spec, replicas: 2 }))
    await cluster.clock.advance('3s')
    const refusal =
      'persistentvolumeclaims "data-web-1" is forbidden: exceeded quota: few, requested: persistentvolumeclaims=1, used: persistentvolumeclaims=1, limited: persistentvolumeclaims=1'
    const told = await eventsOf(cluster, 'web')
    for (const each of [
      `FailedCreate create Claim data-web-1 for Pod web-1 in StatefulSet web failed error: ${refusal}`,
      `FailedCreate create Pod web-1 in StatefulSet web failed error: failed to create PVC data-web-1: ${refusal}`,
    ]) {
      assert.ok(told.includes(each), [each, ...told].join('\n'))
    }
    assert.equal(names(await podsOf(cluster)), 'web-0')
    await client.delete(resourceQuotas, at('few'))
    await cluster.until(async () => names(await podsOf(cluster)) === 'web-0,web-1')
  }))

test('a pod of another owner in the way is left alone, and said', () =>
  withNodes(async (cluster) => {
    const { client } = cluster
    await client.create(pods, { metadata: { ...at('web-0'), labels: { app: 'foreign' } }, spec: templateOf().spec })
    await client.create(statefulSets, statefulSet())
    await cluster.clock.advance('30s')
    const [cause] = cluster.causes.of({ kind: 'StatefulSet', ...at('web') })
    assert.equal(cause?.message, 'pods "web-0" already exists')
    assert.equal((await client.get(pods, at('web-0'))).metadata.ownerReferences, undefined)
    await client.delete(pods, at('web-0'))
    await settled(cluster, 3, '10m')
  }))

test('at rest nothing is written, not even while a pod is waited for; what goes takes its pods and revisions along', () =>
  withNodes(async (cluster) => {
    const { client } = cluster
    await client.create(statefulSets, statefulSet())
    await settled(cluster, 3)
    const stuck = templateOf('a:1', { 'simulation.k8ts.dev/ready-after': '1000h' })
    stuck.metadata!.labels = { app: 'stuck' }
    const spec = { replicas: 2, selector: { matchLabels: { app: 'stuck' } }, template: stuck }
    await client.create(statefulSets, { metadata: at('stuck'), spec })
    await cluster.clock.advance('1m')
    const written = await followWrites(cluster)
    await cluster.clock.advance('1h')
    assert.deepEqual(await written(), new Map())
    await client.delete(statefulSets, at('web'), { propagationPolicy: 'Foreground' })
    await cluster.until(async () => !(await isThere(cluster, statefulSets, 'web')))
    assert.equal((await podsOf(cluster)).length, 0)
    const { items } = await client.list(controllerRevisions, { namespace, labelSelector: 'app=shown' })
    assert.deepEqual(items, [])
  }))

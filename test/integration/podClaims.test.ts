/** Pods whose claims are not ready when their node would start them, under simulated time. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { persistentVolumeClaims } from '#api/core/v1/persistentVolumeClaim.ts'
import { persistentVolumes } from '#api/core/v1/persistentVolume.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import type { Volume } from '#api/core/v1/volume.ts'
import type { Draft } from '#client/client.ts'
import { simulatedCluster, type SimulatedCluster } from '#simulation/simulatedCluster.ts'
import { claim, claimsText, said, volume } from './volumesFixture.ts'

/** Bound already, so that nobody looks after its claims but its node. */
function pod(name: string, source: Omit<Volume, 'name'>, node: string): Draft<Pod> {
  return {
    metadata: { name, namespace: 'default' },
    spec: {
      nodeName: node,
      containers: [{ name: 'c', image: 'busybox:1.35', volumeMounts: [{ name: 'v', mountPath: '/v' }] }],
      volumes: [{ name: 'v', ...source }],
    },
  }
}

const phaseOf = async ({ client }: SimulatedCluster, name: string): Promise<string> =>
  (await client.get(pods, { name, namespace: 'default' })).status?.phase ?? ''

const failed = (problem: string): string =>
  `Warning FailedMount Unable to attach or mount volumes: unmounted volumes=[v], unattached volumes=[], failed to process volumes=[v]: ${problem}`

async function toldOf(cluster: SimulatedCluster, name: string): Promise<readonly string[]> {
  const mine = (await said(cluster, 'Pod')).filter((text) => text.startsWith(`${name}: `))
  return mine.map((text) => text.slice(name.length + 2)).filter((text) => text.includes('FailedMount'))
}

test('a pod starts once its claim is bound, and says what it waits for until then', async () => {
  await using cluster = await simulatedCluster({ nodes: 1 })
  const { client, clock } = cluster
  const [node] = cluster.nodes.names()
  await client.create(pods, pod('waits', { persistentVolumeClaim: { claimName: 'data' } }, node!))
  await clock.advance('5s')
  const missing = 'failed to fetch PVC from API server: persistentvolumeclaims "data" not found'
  assert.deepEqual(await toldOf(cluster, 'waits'), [failed(`error processing PVC default/data: ${missing}`)])
  await client.create(persistentVolumeClaims, claim('data', { storageClassName: '' }))
  await clock.advance('15s')
  assert.deepEqual((await toldOf(cluster, 'waits')).slice(1), [
    failed('error processing PVC default/data: PVC is not bound'),
  ])
  assert.equal(await phaseOf(cluster, 'waits'), 'Pending')
  await client.create(persistentVolumes, volume('pv'))
  await cluster.until(async () => (await claimsText(cluster)) === 'data Bound pv')
  await clock.advance('11s')
  assert.equal(await phaseOf(cluster, 'waits'), 'Running')
})

test('a claim that only has the name of an ephemeral one is not mounted', async () => {
  await using cluster = await simulatedCluster({ nodes: 1 })
  const { client, clock } = cluster
  const [node] = cluster.nodes.names()
  await client.create(persistentVolumeClaims, claim('mine-v', { storageClassName: '' }))
  await client.create(persistentVolumes, volume('pv'))
  await cluster.until(async () => (await claimsText(cluster)) === 'mine-v Bound pv')
  const { spec } = claim('template', { storageClassName: '' })
  await client.create(pods, pod('mine', { ephemeral: { volumeClaimTemplate: { spec } } }, node!))
  await clock.advance('5s')
  assert.deepEqual(await toldOf(cluster, 'mine'), [
    failed('PVC default/mine-v was not created for pod default/mine (pod is not owner)'),
  ])
})

test('an ephemeral volume has a claim of its own, which goes with its pod', async () => {
  await using cluster = await simulatedCluster({ nodes: 1 })
  const { client } = cluster
  const { spec } = claim('template')
  await client.create(pods, {
    ...pod('scratch', { ephemeral: { volumeClaimTemplate: { spec } } }, ''),
  })
  await cluster.until(async () => (await phaseOf(cluster, 'scratch')) === 'Running')
  assert.match(await claimsText(cluster), /^scratch-v Bound pvc-/)
  await client.delete(pods, { name: 'scratch', namespace: 'default' })
  await cluster.until(async () => (await claimsText(cluster)) === '')
})

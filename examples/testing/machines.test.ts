/** What a service goes through when machines fail and when a release is bad. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deployments } from 'k8ts/api/apps/v1/deployment'
import { nodes } from 'k8ts/api/core/v1/node'
import { pods } from 'k8ts/api/core/v1/pod'
import { cluster, type Cluster } from 'k8ts/testing'

const shop = { name: 'shop', namespace: 'default' }
const manifest = (image: string): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'shop' },
  spec: {
    replicas: 4,
    selector: { matchLabels: { app: 'shop' } },
    template: {
      metadata: { labels: { app: 'shop' } },
      spec: { containers: [{ name: 'shop', image, readinessProbe: { httpGet: { port: 80 } } }] },
    },
  },
})

async function available({ client }: Cluster): Promise<number> {
  return (await client.get(deployments, shop)).status?.availableReplicas ?? 0
}

test('a machine goes off: its pods are replaced after five minutes and forty seconds', async () => {
  await using it = await cluster({ nodes: 3 })
  await it.apply(manifest('shop:1'))
  await it.until(async () => (await available(it)) === 4, '1m')
  it.nodes.turnOff('node-2')
  const off = it.now().getTime()
  await it.until(async () => (await available(it)) < 4, '2m')
  assert.ok(it.now().getTime() - off <= 60_000, 'noticed within a minute')
  const node = await it.client.get(nodes, { name: 'node-2' })
  assert.deepEqual(
    node.spec.taints?.map(({ key }) => key),
    ['node.kubernetes.io/unreachable', 'node.kubernetes.io/unreachable'],
  )
  await it.until(async () => (await available(it)) === 4, '10m')
  const { items } = await it.client.list(pods, { namespace: 'default' })
  const alive = items.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
  assert.ok(alive.every(({ spec }) => spec.nodeName !== 'node-2'))
  it.nodes.turnOn('node-2')
  await it.until(async () => (await it.client.list(pods, { namespace: 'default' })).items.length === 4, '2m')
})

test('a release whose image is not there leaves the service up, and says what is wrong', async () => {
  let release = 1
  await using it = await cluster({
    nodes: 2,
    behaviours: { shop: ({ spec }) => (spec.containers[0]?.image === 'shop:2' ? { pullFailures: 'always' } : {}) },
  })
  await it.apply(manifest(`shop:${release++}`))
  await it.until(async () => (await available(it)) === 4, '1m')
  await it.apply(manifest(`shop:${release++}`))
  await it.advance('25s')
  assert.ok((await available(it)) >= 3)
  const [cause] = it.why({ kind: 'Deployment', ...shop })
  assert.equal(cause?.reason, 'ImagePullBackOff')
  assert.match(cause!.message, /container "shop" of pod "shop-\w+-\w+"/)
  await it.apply(manifest('shop:1'))
  await it.until(async () => (await available(it)) === 4, '1m')
  assert.deepEqual(it.why({ kind: 'Deployment', ...shop }), [])
})

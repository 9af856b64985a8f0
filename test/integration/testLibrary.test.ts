/** The library for tests, used as programs outside use it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deployments } from 'k8ts/api/apps/v1/deployment'
import { nodes } from 'k8ts/api/core/v1/node'
import { pods, type Pod } from 'k8ts/api/core/v1/pod'
import {
  clientOver,
  connectionOf,
  httpsTransport,
  isReason,
  parseKubeconfig,
  type Client,
  type HttpsTransport,
} from 'k8ts/client'
import { cluster, real, simulated, type Cluster } from 'k8ts/testing'

const web = (replicas: number, extra = ''): string => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: ${replicas}
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers: [{ name: web, image: 'web:1' ${extra}}]
`

const at = (name: string) => ({ name, namespace: 'default' })
const podsOf = async ({ client }: Cluster): Promise<readonly Pod[]> => (await client.list(pods)).items
const ready = async (it: Cluster): Promise<number> =>
  (await it.client.get(deployments, at('web'))).status?.readyReplicas ?? 0

test('a week passes in a test, with what containers do told by functions', async () => {
  const asked: string[] = []
  await using it = await cluster({
    clock: simulated,
    start: '2026-03-01T00:00:00Z',
    nodes: 2,
    behaviours: {
      web: (_pod, { container, attempt }) => {
        asked.push(`${container} ${attempt}`)
        return attempt === 0 ? { exitAfter: '10h', exitCode: 3 } : {}
      },
    },
  })
  assert.equal(it.now().toISOString().slice(0, 16), '2026-03-01T00:00')
  const [made] = await it.apply(web(2))
  assert.equal(made?.kind, 'Deployment')
  await it.until(async () => (await ready(it)) === 2, '1m')
  await it.advance('7d')
  assert.equal(it.now().toISOString().slice(0, 10), '2026-03-08')
  const found = await podsOf(it)
  assert.deepEqual(
    found.map(({ status }) => [
      status?.containerStatuses?.[0]?.restartCount,
      status?.containerStatuses?.[0]?.lastState?.terminated?.exitCode,
    ]),
    [
      [1, 3],
      [1, 3],
    ],
  )
  assert.deepEqual([...new Set(asked)], ['web 0', 'web 1'])
})

test('a machine goes off and comes back, another is cut off, a process dies', async () => {
  await using it = await cluster({ nodes: [{}, {}, { labels: { zone: 'far' } }] })
  assert.deepEqual(it.nodes.names(), ['node-1', 'node-2', 'node-3'])
  assert.equal((await it.client.get(nodes, { name: 'node-3' })).metadata.labels?.['zone'], 'far')
  await it.apply(web(3))
  await it.until(async () => (await ready(it)) === 3, '1m')
  const [first, second] = await podsOf(it)
  it.crash(first!.metadata, { exitCode: 137, reason: 'OOMKilled' })
  await it.until(async () => {
    const [status] = (await it.client.get(pods, first!.metadata)).status?.containerStatuses ?? []
    return status?.restartCount === 1 && status.lastState?.terminated?.reason === 'OOMKilled'
  }, '1m')

  const off = second!.spec.nodeName!
  it.nodes.turnOff(off)
  await it.advance('1m')
  it.nodes.turnOn(off)
  await it.until(async () => {
    const { status } = await it.client.get(pods, second!.metadata)
    const [container] = status?.containerStatuses ?? []
    return container?.restartCount === 1 && container.lastState?.terminated?.exitCode === 255 && container.ready
  }, '2m')

  it.nodes.cutOff('node-3')
  await it.advance('7m')
  it.nodes.reconnect('node-3')
  await it.until(async () => (await ready(it)) === 3 && (await podsOf(it)).length === 3, '2m')
  assert.throws(() => it.crash(at('nobody')), /No container of pod "default\/nobody" runs on a simulated node/)
  assert.deepEqual(await it.nodes.add(1), ['node-4'])
})

test('other programs reach it over HTTPS, as whom its kubeconfig names', async () => {
  await using it = await cluster({ nodes: 1 })
  await it.apply(web(1))
  await it.advance('5s')
  const connected = async (user?: string): Promise<[HttpsTransport, Client]> => {
    const text = user === undefined ? await it.kubeconfig() : await it.kubeconfig(user, ['people'])
    const none = (path: string): Promise<string> => Promise.reject(new Error(path))
    const { options } = await connectionOf(parseKubeconfig(text, 'kubeconfig'), none)
    const transport = httpsTransport(options)
    return [transport, clientOver(transport)]
  }
  const [[adminTransport, admin], [janeTransport, jane]] = [await connected(), await connected('jane')]
  using _admin = adminTransport
  using _jane = janeTransport
  assert.equal((await admin.get(deployments, at('web'))).spec.replicas, 1)
  await assert.rejects(jane.get(deployments, at('web')), (error) => isReason(error, 'Forbidden'))
  await assert.rejects(it.clientAs('jane').list(pods), (error) => isReason(error, 'Forbidden'))
})

test('time of the machine; clusters side by side know nothing of each other', async () => {
  const [one, other] = await Promise.all([cluster({ clock: real, nodes: 1 }), cluster({ nodes: 1 })])
  await using _one = one
  await using _other = other
  await one.apply(web(1))
  await one.until(async () => (await ready(one)) === 1, '20s')
  assert.deepEqual(await podsOf(other), [])
})

test('what is wrong is said in words', async () => {
  await assert.rejects(cluster({ clock: 'sundial' as 'real' }), /There is no clock "sundial"/)
  await assert.rejects(cluster({ start: 'soon' }), /Cannot read the start "soon"/)
  await assert.rejects(cluster({ controllers: ['none'] }), /There is no controller "none": there are /)
  await assert.rejects(cluster({ behaviours: { web: { exitAfter: 'soon' } } }), /Invalid behaviour of "web": .*"soon"/)
  await using it = await cluster({ nodes: 1 })
  await assert.rejects(it.apply('kind: Pod'), /Object 1 of the manifest has no apiVersion/)
  await assert.rejects(it.apply({ apiVersion: 'v1', kind: 'Pot', metadata: { name: 'a' } }), /No kind "Pot" of v1/)
  await assert.rejects(
    it.until(() => false, '3s'),
    /It does not hold within 3s: \(\) => false/,
  )
})

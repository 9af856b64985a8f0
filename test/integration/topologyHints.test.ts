import assert from 'node:assert/strict'
import { test } from 'node:test'
import { events } from '#api/core/v1/event.ts'
import { nodes } from '#api/core/v1/node.ts'
import { pods } from '#api/core/v1/pod.ts'
import { serviceAccounts } from '#api/core/v1/serviceAccount.ts'
import { services } from '#api/core/v1/service.ts'
import { endpointSlices } from '#api/discovery/v1/endpointSlice.ts'
import { endpointSliceController } from '#controllers/endpointSlice/controller.ts'
import { namespace, startCluster, type TestCluster } from './controllersCluster.ts'

const zoneLabel = 'topology.kubernetes.io/zone'

async function setUp(names: readonly string[]): Promise<TestCluster> {
  const cluster = await startCluster({ controllers: [endpointSliceController], nodes: names, podDelay: () => 0 })
  const { client } = cluster
  for (const [index, name] of names.entries()) {
    const body = { metadata: { labels: { [zoneLabel]: index % 2 === 0 ? 'a' : 'b' } } }
    await client.patch(nodes, { name }, { type: 'merge', body })
    await client.patchStatus(nodes, { name }, { type: 'merge', body: { status: { allocatable: { cpu: '4' } } } })
  }
  await client.create(serviceAccounts, { metadata: { name: 'default', namespace } })
  for (let index = 0; index < 4; index++) {
    await client.create(pods, {
      metadata: { name: `p${index}`, namespace, labels: { app: 'a' } },
      spec: { nodeName: names[index % names.length]!, containers: [{ name: 'c', image: 'i' }] },
    })
  }
  return cluster
}
const hintsOf = async ({ client }: TestCluster): Promise<string> =>
  (await client.list(endpointSlices, { namespace })).items
    .flatMap(({ endpoints }) =>
      (endpoints ?? []).map(({ zone, hints }) => {
        const nodeHints = (hints?.forNodes ?? []).map(({ name }) => `/${name}`)
        return `${zone}>${(hints?.forZones ?? []).map(({ name }) => name).join()}${nodeHints.join()}`
      }),
    )
    .toSorted()
    .join(' ')
const told = async ({ client }: TestCluster): Promise<string[]> =>
  (await client.list(events, { namespace })).items
    .filter(({ involvedObject }) => involvedObject.kind === 'Service')
    .map(({ reason, message }) => `${reason}: ${message}`)

test('hints follow the zones of nodes, and go when they cannot be', async () => {
  await using cluster = await setUp(['n1', 'n2'])
  const { client } = cluster
  const auto = { 'service.kubernetes.io/topology-mode': 'Auto' }
  const ports = [{ port: 80 }]
  await client.create(services, {
    metadata: { name: 's', namespace, annotations: auto },
    spec: { selector: { app: 'a' }, ports },
  })
  await cluster.until('all endpoints have hints', async () => (await hintsOf(cluster)) === 'a>a a>a b>b b>b')
  assert.ok(
    (await told(cluster)).includes(
      'TopologyAwareHintsEnabled: Topology Aware Hints has been enabled, addressType: IPv4',
    ),
  )
  const setReady = (status: string) =>
    client.patchStatus(
      nodes,
      { name: 'n2' },
      { type: 'strategic', body: { status: { conditions: [{ type: 'Ready', status }] } } },
    )
  await setReady('False')
  await cluster.until('none has', async () => (await hintsOf(cluster)) === 'a> a> b> b>')
  const why = 'Insufficient Node information: allocatable CPU or zone not specified on one or more nodes'
  await cluster.until('it is told', async () =>
    (await told(cluster)).includes(`TopologyAwareHintsDisabled: ${why}, addressType: IPv4`),
  )
  await setReady('True')
  await cluster.until('all have them again', async () => (await hintsOf(cluster)) === 'a>a a>a b>b b>b')
  const body = { metadata: { annotations: { 'service.kubernetes.io/topology-mode': null } } }
  await client.patch(services, { name: 's', namespace }, { type: 'merge', body })
  await cluster.until('none has when none are asked for', async () => (await hintsOf(cluster)) === 'a> a> b> b>')
})

test('hints follow the distribution of a service', async () => {
  await using cluster = await setUp(['n1', 'n2'])
  const { client } = cluster
  await client.create(services, {
    metadata: { name: 's', namespace },
    spec: { selector: { app: 'a' }, ports: [{ port: 80 }], trafficDistribution: 'PreferSameNode' },
  })
  await cluster.until('each is for its node', async () => (await hintsOf(cluster)) === 'a>a/n1 a>a/n1 b>b/n2 b>b/n2')
  const body = { spec: { trafficDistribution: 'PreferClose' } }
  await client.patch(services, { name: 's', namespace }, { type: 'merge', body })
  await cluster.until('each is for its zone', async () => (await hintsOf(cluster)) === 'a>a a>a b>b b>b')
})

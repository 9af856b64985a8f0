import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deployments, type Deployment } from '#api/apps/v1/deployment.ts'
import { replicaSets, type ReplicaSet } from '#api/apps/v1/replicaSet.ts'
import { configMaps } from '#api/core/v1/configMap.ts'
import { endpoints } from '#api/core/v1/endpoints.ts'
import { events } from '#api/core/v1/event.ts'
import { namespaces } from '#api/core/v1/namespace.ts'
import { nodes } from '#api/core/v1/node.ts'
import { pods } from '#api/core/v1/pod.ts'
import { services } from '#api/core/v1/service.ts'
import { serviceAccounts } from '#api/core/v1/serviceAccount.ts'
import { endpointSlices } from '#api/discovery/v1/endpointSlice.ts'
import type { Draft } from '#client/client.ts'
import { garbageCollector } from '#controllers/garbageCollector/controller.ts'
import { controllers } from '#controllers/index.ts'
import { conditionOf } from '#machinery/conditions.ts'
import { failure, isReason } from '#machinery/status.ts'
import { namespace, startCluster, type TestCluster } from './controllersCluster.ts'

function deploymentOf(name: string, spec: Partial<Deployment['spec']> = {}, image = 'v1'): Draft<Deployment> {
  return {
    metadata: { name, namespace },
    spec: {
      replicas: 3,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { terminationGracePeriodSeconds: 1, containers: [{ name: 'c', image }] },
      },
      ...spec,
    },
  }
}

function setOf(name: string, replicas: number): Draft<ReplicaSet> {
  const { template } = deploymentOf(name).spec
  return {
    metadata: { name, namespace },
    spec: { replicas, selector: { matchLabels: { app: name } }, template },
  }
}

const at = (name: string) => ({ name, namespace })
const imagePatch = (image: string) =>
  ({ type: 'strategic', body: { spec: { template: { spec: { containers: [{ name: 'c', image }] } } } } }) as const

async function isRolledOut({ client }: TestCluster, name: string): Promise<boolean> {
  const { metadata, spec, status } = await client.get(deployments, at(name))
  return (
    status?.observedGeneration === metadata.generation &&
    status?.updatedReplicas === spec.replicas &&
    status?.replicas === spec.replicas &&
    status?.availableReplicas === spec.replicas &&
    conditionOf(status?.conditions, 'Progressing')?.reason === 'NewReplicaSetAvailable'
  )
}

async function eventsOf({ client, clock }: TestCluster, kind: string, name: string): Promise<readonly string[]> {
  await clock.advance('1s')
  const { items } = await client.list(events, {
    namespace,
    fieldSelector: `involvedObject.kind=${kind},involvedObject.name=${name}`,
  })
  return items
    .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
    .map(({ reason, message, count }) => `${reason} ${message}${count === 1 ? '' : ` (x${count})`}`)
}

test('creates that fail ten times still converge, and say so', async () => {
  let refused = 0
  await using cluster = await startCluster({
    controllers,
    refuse({ method, path }) {
      if (method !== 'POST' || !path.endsWith('/pods') || refused >= 10) return undefined
      refused++
      return failure('Forbidden', `pods "web-${refused}" is forbidden: exceeded quota: q`)
    },
  })
  await cluster.client.create(replicaSets, setOf('web', 3))
  await cluster.until('a failure is told', async () => {
    const { status } = await cluster.client.get(replicaSets, at('web'))
    return conditionOf(status?.conditions, 'ReplicaFailure')?.reason === 'FailedCreate'
  })
  await cluster.until('three pods', () => cluster.livePods().length === 3, '30m')
  await cluster.until('the failure is over', async () => {
    const { status } = await cluster.client.get(replicaSets, at('web'))
    return status?.readyReplicas === 3 && status.conditions === undefined
  })
  assert.equal(refused, 10)
  const told = await eventsOf(cluster, 'ReplicaSet', 'web')
  assert.equal(told.filter((each) => each.startsWith('SuccessfulCreate Created pod: web-')).length, 3)
  assert.ok(told.includes('FailedCreate Error creating: pods "web-1" is forbidden: exceeded quota: q'))
  assert.ok(told.some((each) => each.startsWith('FailedCreate (combined from similar events): Error creating: ')))
})

test('a ReplicaSet replaces, scales, releases and adopts', async () => {
  await using cluster = await startCluster({ controllers })
  const { client } = cluster
  await client.create(replicaSets, setOf('web', 3))
  const settled = (count: number) =>
    cluster.until(`${count} ready`, async () => {
      const { status } = await client.get(replicaSets, at('web'))
      return (status?.readyReplicas ?? 0) === count && status?.replicas === count && cluster.livePods().length >= count
    })
  await settled(3)
  const [first] = cluster.livePods()
  await client.delete(pods, first!.metadata)
  await cluster.until('replaced', () =>
    cluster.livePods().every(({ metadata }) => metadata.uid !== first!.metadata.uid),
  )
  await settled(3)
  await client.patchSubresource(replicaSets, at('web'), 'scale', { type: 'merge', body: { spec: { replicas: 5 } } })
  await settled(5)
  await client.patchSubresource(replicaSets, at('web'), 'scale', { type: 'merge', body: { spec: { replicas: 2 } } })
  await settled(2)

  const [released] = cluster.livePods()
  const label = (app: string) => ({ type: 'merge', body: { metadata: { labels: { app } } } }) as const
  await client.patch(pods, released!.metadata, label('other'))
  await cluster.until('released and replaced', async () => {
    const { metadata } = await client.get(pods, released!.metadata)
    return metadata.ownerReferences === undefined && cluster.livePods().length === 3
  })
  await settled(2)
  await client.patch(pods, released!.metadata, label('web'))
  await cluster.until('adopted, and one too many is gone', () => cluster.livePods().length === 2)
  await settled(2)
})

test('a Deployment makes its tree, rolls, goes back and keeps its history', async () => {
  await using cluster = await startCluster({ controllers })
  const { client } = cluster
  await client.create(deployments, deploymentOf('app', { replicas: 2 }))
  await cluster.until('rolled out', () => isRolledOut(cluster, 'app'))
  const [set] = (await client.list(replicaSets, { namespace })).items
  const hash = set!.metadata.labels!['pod-template-hash']
  assert.equal(set!.metadata.name, `app-${hash}`)
  assert.ok(cluster.livePods().every(({ metadata }) => metadata.labels!['pod-template-hash'] === hash))
  const created = await client.get(deployments, at('app'))
  assert.equal(created.metadata.generation, 1)
  assert.equal(created.metadata.annotations!['deployment.kubernetes.io/revision'], '1')
  assert.deepEqual(await eventsOf(cluster, 'Deployment', 'app'), [
    `ScalingReplicaSet Scaled up replica set app-${hash} from 0 to 2`,
  ])

  await client.patch(deployments, at('app'), imagePatch('v2'))
  await cluster.until('rolled out', () => isRolledOut(cluster, 'app'))
  await client.patch(deployments, at('app'), imagePatch('v1'))
  await cluster.until('rolled back', () => isRolledOut(cluster, 'app'))
  const sets = (await client.list(replicaSets, { namespace })).items
  assert.deepEqual(
    sets
      .map(({ metadata: { name, annotations } }) => [
        name === set!.metadata.name,
        annotations!['deployment.kubernetes.io/revision'],
        annotations!['deployment.kubernetes.io/revision-history'],
      ])
      .toSorted(),
    [
      [false, '2', undefined],
      [true, '3', '1'],
    ],
  )

  await client.delete(replicaSets, set!.metadata, { propagationPolicy: 'Background' })
  await cluster.until('the set is there again under its name', async () => {
    const items = (await client.list(replicaSets, { namespace })).items
    return items.some(({ metadata: { name, uid } }) => name === set!.metadata.name && uid !== set!.metadata.uid)
  })
  await cluster.until('rolled out', () => isRolledOut(cluster, 'app'))
})

for (const [seed, surge, unavailable, replicas] of [
  [1, 2, 1, 3],
  [2, '25%', '25%', 10],
  [3, 0, 1, 4],
  [4, 1, 0, 4],
  [5, '100%', '50%', 6],
] as const) {
  test(`the bounds of a rolling update hold at every change (surge ${surge}, unavailable ${unavailable})`, async () => {
    await using cluster = await startCluster({ controllers, seed })
    const { client } = cluster
    const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: surge, maxUnavailable: unavailable } } as const
    await client.create(deployments, deploymentOf('app', { replicas, strategy }))
    await cluster.until('rolled out', () => isRolledOut(cluster, 'app'))
    const share = (value: number | string, round: (x: number) => number): number =>
      typeof value === 'number' ? value : round((replicas * Number.parseInt(value, 10)) / 100)
    const most = replicas + share(surge, Math.ceil)
    const least = replicas - share(unavailable, Math.floor)
    const seen: string[] = []
    cluster.informers.of(pods).onChange(() => {
      const live = cluster.livePods()
      const ready = live.filter(({ status }) => conditionOf(status?.conditions, 'Ready')?.status === 'True').length
      if (live.length > most || ready < least) seen.push(`${live.length} pods, ${ready} ready`)
    })
    await client.patch(deployments, at('app'), imagePatch('v2'))
    await cluster.until('rolled out', () => isRolledOut(cluster, 'app'), '10m')
    assert.deepEqual(seen, [])
    assert.ok(cluster.livePods().every(({ spec }) => spec.containers[0]!.image === 'v2'))
  })
}

test('with Recreate no pod of the next template comes before the last of the one before has ended', async () => {
  await using cluster = await startCluster({ controllers })
  const { client } = cluster
  await client.create(deployments, deploymentOf('app', { strategy: { type: 'Recreate' } }))
  await cluster.until('rolled out', () => isRolledOut(cluster, 'app'))
  let mixed = 0
  let gaps = 0
  cluster.informers.of(pods).onChange(() => {
    const images = new Set(
      cluster.informers
        .of(pods)
        .list({ namespace })
        .map(({ spec }) => spec.containers[0]!.image),
    )
    if (images.size > 1) mixed++
    if (images.size === 0) gaps++
  })
  await client.patch(deployments, at('app'), imagePatch('v2'))
  await cluster.until('rolled out', () => isRolledOut(cluster, 'app'))
  assert.deepEqual([mixed, gaps > 0], [0, true])
})

test('paused, changed twice and resumed is one revision', async () => {
  await using cluster = await startCluster({ controllers })
  const { client } = cluster
  await client.create(deployments, deploymentOf('app'))
  await cluster.until('rolled out', () => isRolledOut(cluster, 'app'))
  const pause = (paused: boolean | null) => ({ type: 'merge', body: { spec: { paused } } }) as const
  await client.patch(deployments, at('app'), pause(true))
  await client.patch(deployments, at('app'), imagePatch('v2'))
  await client.patch(deployments, at('app'), imagePatch('v3'))
  await cluster.until('paused', async () => {
    const { status } = await client.get(deployments, at('app'))
    return conditionOf(status?.conditions, 'Progressing')?.reason === 'DeploymentPaused'
  })
  await cluster.clock.advance('30s')
  assert.equal((await client.list(replicaSets, { namespace })).items.length, 1)
  await client.patch(deployments, at('app'), pause(null))
  await cluster.until('rolled out', () => isRolledOut(cluster, 'app'))
  const { metadata } = await client.get(deployments, at('app'))
  assert.equal((await client.list(replicaSets, { namespace })).items.length, 2)
  assert.equal(metadata.annotations!['deployment.kubernetes.io/revision'], '2')
})

test('a release that cannot run keeps the pods before it, is told when it takes too long, and can be undone', async () => {
  await using cluster = await startCluster({
    controllers,
    becomesReady: ({ spec }) => spec.containers[0]!.image !== 'broken',
  })
  const { client } = cluster
  await client.create(deployments, deploymentOf('app', { replicas: 4, progressDeadlineSeconds: 20 }))
  await cluster.until('rolled out', () => isRolledOut(cluster, 'app'))
  const started = cluster.clock.now()
  await client.patch(deployments, at('app'), imagePatch('broken'))
  await cluster.until('too late', async () => {
    const { status } = await client.get(deployments, at('app'))
    const progressing = conditionOf(status?.conditions, 'Progressing')
    return progressing?.status === 'False' && progressing.reason === 'ProgressDeadlineExceeded'
  })
  const took = cluster.clock.now() - started
  assert.ok(took >= 20_000 && took <= 25_000, `told after ${took} ms`)
  assert.equal(cluster.causes.of({ kind: 'Deployment', ...at('app') })[0]?.reason, 'ProgressDeadlineExceeded')
  assert.ok((await client.get(deployments, at('app'))).status!.readyReplicas! >= 3)
  await client.patch(deployments, at('app'), imagePatch('v1'))
  await cluster.until('undone', () => isRolledOut(cluster, 'app'), '15s')
})

test('minReadySeconds holds back each step', async () => {
  await using cluster = await startCluster({ controllers, podDelay: () => 100 })
  const { client } = cluster
  await client.create(deployments, deploymentOf('app', { replicas: 2, minReadySeconds: 5 }))
  const started = cluster.clock.now()
  await cluster.until('rolled out', () => isRolledOut(cluster, 'app'))
  const took = cluster.clock.now() - started
  assert.ok(took >= 5_000 && took <= 8_000, `available after ${took} ms`)
})

test('at rest nobody writes', async () => {
  await using cluster = await startCluster({ controllers })
  const { client } = cluster
  await client.create(deployments, deploymentOf('app'))
  await client.create(services, {
    metadata: at('app'),
    spec: { selector: { app: 'app' }, ports: [{ port: 80 }] },
  })
  await cluster.clock.advance('2m')
  const before = cluster.writes.length
  assert.ok(before > 0)
  await cluster.clock.advance('10m')
  assert.deepEqual(
    cluster.writes.slice(before).filter((write) => !write.includes('/events')),
    [],
  )
})

test('a namespace gets its account and certificate, and takes everything along when it goes', async () => {
  await using cluster = await startCluster({ controllers })
  const { client } = cluster
  await client.create(namespaces, { metadata: { name: 'team' } })
  const there = async (resource: typeof serviceAccounts | typeof configMaps, name: string): Promise<boolean> => {
    const { items } = await client.list(resource as typeof configMaps, { namespace: 'team' })
    return items.some(({ metadata }) => metadata.name === name)
  }
  await cluster.until('account and certificate', async () => {
    return (await there(serviceAccounts, 'default')) && (await there(configMaps, 'kube-root-ca.crt'))
  })
  const metadata = { name: 'app', namespace: 'team' }
  await client.create(deployments, { ...deploymentOf('app'), metadata })
  await client.create(configMaps, { metadata: { name: 'held', namespace: 'team', finalizers: ['example.com/hold'] } })
  // In a namespace that goes nobody can give a pod a node any more.
  await cluster.until('pods with nodes', () => {
    const placed = cluster.livePods('team').filter(({ spec }) => spec.nodeName !== undefined)
    return placed.length === 3
  })
  await client.delete(namespaces, { name: 'team' })
  assert.equal((await client.get(namespaces, { name: 'team' })).status?.phase, 'Terminating')
  await cluster.until('only what is held remains', async () => {
    const { status } = await client.get(namespaces, { name: 'team' })
    return (
      conditionOf(status?.conditions, 'NamespaceContentRemaining')?.message ===
        'Some resources are remaining: configmaps. has 1 resource instances' &&
      conditionOf(status?.conditions, 'NamespaceFinalizersRemaining')?.message ===
        'Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances'
    )
  })
  assert.equal(cluster.livePods('team').length, 0)
  await client.patch(
    configMaps,
    { name: 'held', namespace: 'team' },
    { type: 'merge', body: { metadata: { finalizers: null } } },
  )
  await cluster.until(
    'gone',
    async () => {
      return client.get(namespaces, { name: 'team' }).then(
        () => false,
        (error: unknown) => isReason(error, 'NotFound'),
      )
    },
    '60s',
  )
})

test('what is in a namespace stays for a while after its deletion, for those who delete it beside the namespace', async () => {
  await using cluster = await startCluster({ controllers })
  const { client } = cluster
  const metadata = { name: 'a', namespace: 'team' }
  await client.create(namespaces, { metadata: { name: 'team' } })
  await client.create(configMaps, { metadata })
  await client.delete(namespaces, { name: 'team' })
  await cluster.clock.advance('1500ms')
  await client.delete(configMaps, metadata)
  await cluster.until('gone', async () => {
    const { items } = await client.list(namespaces)
    return items.every(({ metadata: { name } }) => name !== 'team')
  })
})

test('a deletion in the background takes the owned along later', async () => {
  await using cluster = await startCluster({ controllers })
  const { client } = cluster
  await client.create(deployments, deploymentOf('app'))
  await cluster.until('rolled out', () => isRolledOut(cluster, 'app'))
  await client.delete(deployments, at('app'), { propagationPolicy: 'Background' })
  await assert.rejects(client.get(deployments, at('app')), (error) => isReason(error, 'NotFound'))
  await cluster.until('all gone', async () => {
    const sets = await client.list(replicaSets, { namespace })
    return sets.items.length === 0 && (await client.list(pods, { namespace })).items.length === 0
  })
})

test('a deletion in the foreground waits for the owned', async () => {
  await using cluster = await startCluster({ controllers })
  const { client } = cluster
  await client.create(deployments, deploymentOf('app'))
  await cluster.until('rolled out', () => isRolledOut(cluster, 'app'))
  await client.delete(deployments, at('app'), { propagationPolicy: 'Foreground' })
  let podsAtTheEnd = -1
  await cluster.until('gone', async () => {
    const left = (await client.list(pods, { namespace })).items.length
    const isGone = await client.get(deployments, at('app')).then(
      () => false,
      (error: unknown) => isReason(error, 'NotFound'),
    )
    if (isGone) podsAtTheEnd = left
    return isGone
  })
  assert.equal(podsAtTheEnd, 0)
  assert.deepEqual((await client.list(replicaSets, { namespace })).items, [])
})

test('a deletion that orphans leaves the owned alone', async () => {
  await using cluster = await startCluster({ controllers })
  const { client } = cluster
  await client.create(replicaSets, setOf('web', 3))
  await cluster.until('three pods', () => cluster.livePods().length === 3)
  await client.delete(replicaSets, at('web'), { propagationPolicy: 'Orphan' })
  await cluster.until('gone', async () => (await client.list(replicaSets, { namespace })).items.length === 0)
  await cluster.clock.advance('1m')
  const left = (await client.list(pods, { namespace })).items
  assert.deepEqual(
    left.map(({ metadata }) => metadata.ownerReferences),
    [undefined, undefined, undefined],
  )
})

test('what names an owner of another namespace goes, and is told why', async () => {
  await using cluster = await startCluster({ controllers: [garbageCollector] })
  const { client } = cluster
  await client.create(namespaces, { metadata: { name: 'other' } })
  const owner = await client.create(configMaps, { metadata: { name: 'owner', namespace: 'other' } })
  const uid = owner.metadata.uid!
  const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid }]
  await client.create(configMaps, { metadata: { ...at('lost'), ownerReferences } })
  const names = async (): Promise<string> =>
    (await client.list(configMaps, { namespace })).items.map(({ metadata }) => metadata.name).join()
  await cluster.until('it is gone', async () => (await names()) === '')
  assert.deepEqual(await eventsOf(cluster, 'ConfigMap', 'lost'), [
    `OwnerRefInvalidNamespace ownerRef [v1/ConfigMap, namespace: default, name: owner, uid: ${uid}] does not exist in namespace "default"`,
  ])
})

test('endpoints follow the pods', async () => {
  await using cluster = await startCluster({ controllers })
  const { client } = cluster
  await client.create(deployments, deploymentOf('be'))
  await client.create(services, {
    metadata: at('be-svc'),
    spec: { selector: { app: 'be' }, ports: [{ port: 80, protocol: 'TCP' }] },
  })
  const agree = async (count: number): Promise<boolean> => {
    const wanted = cluster
      .livePods()
      .flatMap(({ status }) => (conditionOf(status?.conditions, 'Ready')?.status === 'True' ? [status!.podIP!] : []))
      .toSorted()
    const { items } = await client.list(endpointSlices, {
      namespace,
      labelSelector: 'kubernetes.io/service-name=be-svc',
    })
    const sliced = items.flatMap((slice) =>
      (slice.endpoints ?? [])
        .filter(({ conditions }) => conditions?.ready === true)
        .flatMap(({ addresses }) => addresses),
    )
    const listed = await client.get(endpoints, at('be-svc')).then(
      ({ subsets = [] }) => subsets.flatMap(({ addresses = [] }) => addresses.map(({ ip }) => ip)),
      () => [],
    )
    const same = (list: readonly string[]): boolean => list.toSorted().join() === wanted.join()
    return wanted.length === count && same(sliced) && same(listed) && listed.join() === listed.toSorted().join()
  }
  const scale = (replicas: number) =>
    client.patchSubresource(deployments, at('be'), 'scale', { type: 'merge', body: { spec: { replicas } } })
  await cluster.until('three', () => agree(3))
  await client.deleteCollection(pods, { namespace, labelSelector: 'app=be' })
  await cluster.until('three others', () => agree(3))
  await scale(5)
  await cluster.until('five', () => agree(5))
  await scale(0)
  await cluster.until('none', () => agree(0))
  await client.delete(services, at('be-svc'))
  await cluster.until('nothing is left', async () => {
    const slices = await client.list(endpointSlices, { namespace })
    return slices.items.length === 0 && (await client.list(endpoints, { namespace })).items.length === 0
  })
})

test('a silent node is tainted, its pods are replaced, and those of a removed node are collected', async () => {
  await using cluster = await startCluster({ controllers, nodes: ['n1', 'n2', 'n3', 'n4'], podDelay: () => 100 })
  const { client, clock } = cluster
  const quick = {
    tolerations: [
      { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 30 },
    ],
  } as const
  const { template } = deploymentOf('app').spec
  const spec = {
    replicas: 8,
    template: { ...template, spec: { ...template.spec, tolerations: [...quick.tolerations] } },
  }
  await client.create(deployments, deploymentOf('app', spec))
  await cluster.until('rolled out', () => isRolledOut(cluster, 'app'))
  cluster.silent.add('n4')
  await clock.advance('70s')
  const silent = await client.get(nodes, { name: 'n4' })
  assert.deepEqual(
    [
      conditionOf(silent.status?.conditions, 'Ready')?.reason,
      silent.spec.taints?.map(({ key, effect }) => `${key}:${effect}`),
      (await client.get(nodes, { name: 'n1' })).spec.taints,
    ],
    [
      'NodeStatusUnknown',
      ['node.kubernetes.io/unreachable:NoSchedule', 'node.kubernetes.io/unreachable:NoExecute'],
      undefined,
    ],
  )
  await clock.advance('40s')
  const evicted = await client.list(events, { namespace, fieldSelector: 'reason=TaintManagerEviction' })
  assert.ok(evicted.items.length > 0)

  await client.create(pods, {
    metadata: at('lost'),
    spec: { nodeName: 'n5', containers: [{ name: 'c', image: 'v1' }], tolerations: [{ operator: 'Exists' }] },
  })
  await clock.advance('30s')
  assert.equal((await client.get(pods, at('lost'))).metadata.name, 'lost')
  await clock.advance('40s')
  await assert.rejects(client.get(pods, at('lost')), (error) => isReason(error, 'NotFound'))
})

test('every node has a range of pod addresses of its own', async () => {
  const names = ['n1', 'n2', 'n3']
  await using cluster = await startCluster({ controllers, nodes: names })
  const { client } = cluster
  const ranges = async () => Promise.all(names.map(async (name) => (await client.get(nodes, { name })).spec.podCIDR))
  await cluster.until('ranges', async () => (await ranges()).every((range) => range !== undefined))
  assert.deepEqual((await ranges()).toSorted(), ['10.244.0.0/24', '10.244.1.0/24', '10.244.2.0/24'])
})

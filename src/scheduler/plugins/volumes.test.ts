import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PersistentVolume } from '#api/core/v1/persistentVolume.ts'
import type { PersistentVolumeClaim } from '#api/core/v1/persistentVolumeClaim.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { CSINode } from '#api/storage/v1/csiNode.ts'
import type { StorageClass } from '#api/storage/v1/storageClass.ts'
import { bindCompleted, classOfVolume, isFree, selectedNode } from '#machinery/volumeBinding.ts'
import type { Plugin, Rejection } from '#scheduler/plugin.ts'
import type { ClusterView } from '#scheduler/snapshot.ts'
import { clusterOf, nodeOf, podOf, type PodSketch } from '#scheduler/testObjects.ts'
import type { VolumeActions, VolumeChanges, VolumeObjects } from '#scheduler/volumes/volumeObjects.ts'
import { volumeBinding } from './volumeBinding.ts'
import { volumeLimits } from './volumeLimits.ts'
import { volumeRestrictions } from './volumeRestrictions.ts'
import { volumeZone } from './volumeZone.ts'

interface World {
  readonly claims?: readonly PersistentVolumeClaim[]
  readonly volumes?: readonly PersistentVolume[]
  readonly classes?: readonly StorageClass[]
  readonly csiNodes?: readonly CSINode[]
}

function objectsOf({ claims = [], volumes = [], classes = [], csiNodes = [] }: World): VolumeObjects {
  const named = <T extends { metadata: { name: string } }>(list: readonly T[], name: string): T | undefined =>
    list.find(({ metadata }) => metadata.name === name)
  return {
    claim: (key) => claims.find(({ metadata }) => `${metadata.namespace}/${metadata.name}` === key),
    volume: (name) => named(volumes, name),
    free: (className) => volumes.filter((volume) => isFree(volume) && classOfVolume(volume) === className),
    reserved: (key) => volumes.filter(({ spec }) => `${spec.claimRef?.namespace}/${spec.claimRef?.name}` === key),
    storageClass: (name) => named(classes, name),
    csiDriver: () => undefined,
    csiNode: (name) => named(csiNodes, name),
    hasCsiNodes: csiNodes.length > 0,
    capacities: () => [],
    attachments: () => [],
    followNodes: () => {},
  }
}

function claim(
  name: string,
  spec: Partial<PersistentVolumeClaim['spec']> = {},
  annotations = {},
): PersistentVolumeClaim {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name, namespace: 'default', uid: name, annotations },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec },
  }
}

const bound = (name: string, volumeName: string): PersistentVolumeClaim =>
  claim(name, { volumeName }, { [bindCompleted]: 'yes' })
const late = (name: string, storage: string, annotations = {}): PersistentVolumeClaim =>
  claim(name, { storageClassName: 'late', resources: { requests: { storage } } }, annotations)

function volume(name: string, node?: string, spec: Partial<PersistentVolume['spec']> = {}): PersistentVolume {
  const requirement = { key: 'kubernetes.io/hostname', operator: 'In' as const, values: [node!] }
  const nodeAffinity = { required: { nodeSelectorTerms: [{ matchExpressions: [requirement] }] } }
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name },
    spec: {
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '1Gi' },
      ...(node === undefined ? {} : { nodeAffinity }),
      ...spec,
    },
    status: { phase: 'Available' },
  }
}

function storageClass(name: string, rest: Partial<StorageClass> = {}): StorageClass {
  return {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name },
    provisioner: 'kubernetes.io/no-provisioner',
    volumeBindingMode: 'WaitForFirstConsumer',
    ...rest,
  }
}

function using(...claims: readonly string[]): PodSketch {
  const volumes = claims.map((claimName) => ({ name: claimName, persistentVolumeClaim: { claimName } }))
  return { name: 'p', spec: { volumes } }
}

/** `n1 ok, n2 why`, or why no node will do; what `sieve` says must be the same. */
function verdicts(plugin: Plugin<any>, pod: Pod, cluster: ClusterView): string {
  const state = plugin.prepare!(pod, cluster)
  if (state === 'skip') return 'skip'
  if ((state as Rejection).reason !== undefined) return (state as Rejection).reason
  const rejections = cluster.nodes.map((node) => plugin.filter!(pod, node, state))
  if (plugin.sieve !== undefined) {
    const rejected = new Uint8Array(cluster.nodes.length)
    plugin.sieve(pod, cluster, state, rejected)
    assert.deepEqual(
      [...rejected],
      rejections.map((rejection) => (rejection === undefined ? 0 : 1)),
    )
  }
  const told = (rejection: Rejection | undefined): string =>
    rejection === undefined ? 'ok' : [rejection.reason, ...(rejection.furtherReasons ?? [])].join(' + ')
  return cluster.nodes.map(({ name }, at) => `${name} ${told(rejections[at])}`).join(', ')
}

const conflict = 'node(s) had volume node affinity conflict'
const none = "node(s) didn't find available persistent volumes to bind"
const gone = 'node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)'
const actions: VolumeActions = {
  clock: { now: () => 0 },
  assume: () => {},
  forget: () => {},
  knownNode: (name: string) => (name === 'n1' ? nodeOf({ name }) : undefined),
} as unknown as VolumeActions

const bindings: readonly {
  readonly name: string
  readonly pod: PodSketch
  readonly world: World
  readonly is: string
}[] = [
  { name: 'no claims', pod: using(), world: {}, is: 'skip' },
  { name: 'a claim that is not there', pod: using('a'), world: {}, is: 'persistentvolumeclaim "a" not found' },
  {
    name: 'an ephemeral claim that is not there yet',
    pod: { name: 'p', spec: { volumes: [{ name: 'v', ephemeral: {} }] } },
    world: {},
    is: 'waiting for ephemeral volume controller to create the persistentvolumeclaim "p-v"',
  },
  {
    name: "an ephemeral claim that is somebody else's",
    pod: { name: 'p', spec: { volumes: [{ name: 'v', ephemeral: {} }] } },
    world: { claims: [claim('p-v')] },
    is: 'PVC default/p-v was not created for pod default/p (pod is not owner)',
  },
  {
    name: 'a claim that lost its volume',
    pod: using('a'),
    world: { claims: [{ ...bound('a', 'v'), status: { phase: 'Lost' } }] },
    is: 'persistentvolumeclaim "a" bound to non-existent persistentvolume "v"',
  },
  {
    name: 'a claim that is bound before pods are placed',
    pod: using('a'),
    world: { claims: [claim('a')] },
    is: 'pod has unbound immediate PersistentVolumeClaims',
  },
  {
    name: 'a claim that names a volume and is not bound yet',
    pod: using('a'),
    world: { claims: [claim('a', { volumeName: 'v', storageClassName: 'late' })], classes: [storageClass('late')] },
    is: 'pod has unbound immediate PersistentVolumeClaims',
  },
  {
    name: 'a volume for all',
    pod: using('a'),
    world: { claims: [bound('a', 'v')], volumes: [volume('v')] },
    is: 'skip',
  },
  {
    name: 'a volume of one node',
    pod: using('a'),
    world: { claims: [bound('a', 'v')], volumes: [volume('v', 'n2')] },
    is: `n1 ${conflict}, n2 ok`,
  },
  {
    name: 'a volume that is gone',
    pod: using('a'),
    world: { claims: [bound('a', 'v')] },
    is: `n1 ${gone}, n2 ${gone}`,
  },
  {
    name: 'one volume here and one that waits there',
    pod: using('a', 'b'),
    world: {
      claims: [bound('a', 'v'), late('b', '1Gi')],
      volumes: [volume('v', 'n2'), volume('w', 'n1', { storageClassName: 'late' })],
      classes: [storageClass('late')],
    },
    is: `n1 ${conflict}, n2 ${none}`,
  },
  {
    name: 'volumes to choose from',
    pod: using('a'),
    world: {
      claims: [late('a', '1Gi')],
      volumes: [volume('v', 'n2', { storageClassName: 'late' }), volume('w', 'n1', { storageClassName: 'other' })],
      classes: [storageClass('late')],
    },
    is: `n1 ${none}, n2 ok`,
  },
  {
    name: 'two claims and one volume',
    pod: using('a', 'b'),
    world: {
      claims: [late('a', '1Gi'), late('b', '1Gi')],
      volumes: [volume('v', 'n2', { storageClassName: 'late' })],
      classes: [storageClass('late')],
    },
    is: `n1 ${none}, n2 ${none}`,
  },
  {
    name: 'a volume that is kept for the claim',
    pod: using('a'),
    world: {
      claims: [late('a', '1Gi')],
      volumes: [
        volume('v', 'n1', { storageClassName: 'late', claimRef: { name: 'a', namespace: 'default' } }),
        volume('w', 'n2', { storageClassName: 'late' }),
      ],
      classes: [storageClass('late')],
    },
    is: `n1 ok, n2 ${none}`,
  },
  {
    name: 'a volume that is being made',
    pod: using('a'),
    world: {
      claims: [late('a', '1Gi', { [selectedNode]: 'n2' })],
      classes: [storageClass('late', { provisioner: 'x' })],
    },
    is: `n1 ${none}, n2 ok`,
  },
  {
    name: 'a volume that is made anywhere',
    pod: using('a'),
    world: { claims: [late('a', '1Gi')], classes: [storageClass('late', { provisioner: 'x' })] },
    is: 'n1 ok, n2 ok',
  },
  {
    name: 'a volume that is made in one place',
    pod: using('a'),
    world: {
      claims: [late('a', '1Gi')],
      classes: [
        storageClass('late', {
          provisioner: 'x',
          allowedTopologies: [{ matchLabelExpressions: [{ key: 'kubernetes.io/hostname', values: ['n1'] }] }],
        }),
      ],
    },
    is: `n1 ok, n2 ${none}`,
  },
]

const twoNodes = clusterOf([{ name: 'n1' }, { name: 'n2' }])

for (const row of bindings) {
  test(`where volumes are: ${row.name}`, () => {
    assert.equal(verdicts(volumeBinding(objectsOf(row.world), actions), podOf(row.pod), twoNodes), row.is)
  })
}

test('the smallest volumes are set aside for the smallest claims, and given back', () => {
  const world: World = {
    claims: [late('large', '2Gi'), late('small', '1Gi'), late('huge', '9Gi')],
    volumes: ['1Gi', '2Gi', '3Gi'].map((storage) =>
      volume(`v-${storage.toLowerCase()}`, 'n1', { capacity: { storage }, storageClassName: 'late' }),
    ),
    classes: [storageClass('late', { provisioner: 'x' })],
  }
  const told: [string, VolumeChanges][] = []
  const plugin = volumeBinding(objectsOf(world), {
    ...actions,
    assume: (changes) => told.push(['assume', changes]),
    forget: (changes) => told.push(['forget', changes]),
  })
  const pod = podOf(using('large', 'small', 'huge'))
  const state = plugin.prepare!(pod, twoNodes) as never
  assert.equal(plugin.reserve!(pod, 'n1', state), undefined)
  plugin.unreserve!(pod, 'n1', state)
  assert.deepEqual(
    told.map(([what, { volumes, claims }]) => [
      what,
      volumes.map(({ metadata, spec }) => `${metadata.name} ${spec.claimRef?.name}`),
      claims.map(({ metadata }) => `${metadata.name} ${metadata.annotations?.[selectedNode]}`),
    ]),
    ['assume', 'forget'].map((what) => [what, ['v-1gi small', 'v-2gi large'], ['huge n1']]),
  )
})

test('a zone of a volume is the zone of its pods, where nodes have one', () => {
  const zoned = clusterOf([
    { name: 'n1', labels: { 'topology.kubernetes.io/zone': 'a' } },
    { name: 'n2', labels: { 'topology.kubernetes.io/zone': 'b' } },
    { name: 'n3' },
  ])
  const inZone = (zone: string): PersistentVolume => ({
    ...volume('v'),
    metadata: { name: 'v', labels: { 'failure-domain.beta.kubernetes.io/zone': zone } },
  })
  const is = (zone: string): string =>
    verdicts(volumeZone(objectsOf({ claims: [bound('a', 'v')], volumes: [inZone(zone)] })), podOf(using('a')), zoned)
  assert.equal(is('b'), 'n1 node(s) had no available volume zone, n2 ok, n3 ok')
  assert.equal(is('a__b'), 'n1 ok, n2 ok, n3 ok')
  const plain = objectsOf({ claims: [bound('a', 'v')], volumes: [volume('v')] })
  assert.equal(verdicts(volumeZone(plain), podOf(using('a')), zoned), 'skip')
})

const homeless: readonly { readonly name: string; readonly world: World; readonly is: string }[] = [
  { name: 'no claim', world: {}, is: 'persistentvolumeclaim "a" not found' },
  { name: 'a volume that is gone', world: { claims: [bound('a', 'v')] }, is: 'persistentvolume "v" not found' },
  {
    name: 'neither volume nor class',
    world: { claims: [claim('a', { storageClassName: '' })] },
    is: 'PersistentVolumeClaim had no pv name and storageClass name',
  },
  {
    name: 'a class that is not there',
    world: { claims: [late('a', '1Gi')] },
    is: 'storageclass.storage.k8s.io "late" not found',
  },
  {
    name: 'a volume that is made for the pod',
    world: { claims: [late('a', '1Gi')], classes: [storageClass('late')] },
    is: 'skip',
  },
  {
    name: 'a volume that should be there',
    world: {
      claims: [late('a', '1Gi')],
      classes: [storageClass('late', { volumeBindingMode: 'Immediate' })],
    },
    is: 'PersistentVolume had no name',
  },
]

for (const { name, world, is } of homeless) {
  test(`the zone of a claim with ${name}`, () => {
    assert.equal(verdicts(volumeZone(objectsOf(world)), podOf(using('a')), twoNodes), is)
  })
}

for (const row of [
  { name: 'that no longer names its node', annotations: { other: 'x' }, is: 'provisioning failed for PVC "a"' },
  { name: 'that says nothing any longer', annotations: undefined, is: 'selectedNode annotation reset for PVC "a"' },
]) {
  test(`a pod is placed anew when nobody makes a volume for a claim ${row.name}`, async () => {
    const world: World = { claims: [late('a', '1Gi')], classes: [storageClass('late', { provisioner: 'x' })] }
    const [plain] = world.claims!
    const { annotations: _, ...metadata } = plain!.metadata
    const known = { ...plain!, metadata: { ...metadata, ...(row.annotations && { annotations: row.annotations }) } }
    const plugin = volumeBinding(objectsOf(world), {
      ...actions,
      writeClaim: async (written) => written,
      knownClaim: () => known,
    })
    const pod = podOf(using('a'))
    const state = plugin.prepare!(pod, twoNodes) as never
    plugin.reserve!(pod, 'n1', state)
    await assert.rejects(
      plugin.preBind!(pod, 'n1', state, new AbortController().signal),
      new Error(`binding volumes: ${row.is}`),
    )
  })
}

for (const row of [
  {
    name: 'is out of reach of the volume that it was given',
    labels: {},
    is: `pv "v" node affinity doesn't match node "n1": no matching NodeSelectorTerms`,
  },
  { name: 'is gone', labels: undefined, is: 'failed to get node "n1": node "n1" not found' },
]) {
  test(`a pod is placed anew when its node ${row.name}`, async () => {
    const near = volume('v', 'n1', { storageClassName: 'late' })
    const world: World = { claims: [late('a', '1Gi')], volumes: [near], classes: [storageClass('late')] }
    const node = nodeOf({ name: 'n1' })
    const { labels } = row
    const plugin = volumeBinding(objectsOf(world), {
      ...actions,
      writeVolume: async (written) => written,
      knownVolume: () => near,
      knownClaim: () => world.claims![0],
      knownNode: () => labels && { ...node, metadata: { ...node.metadata, labels } },
    })
    const pod = podOf(using('a'))
    const state = plugin.prepare!(pod, twoNodes) as never
    plugin.reserve!(pod, 'n1', state)
    await assert.rejects(
      plugin.preBind!(pod, 'n1', state, new AbortController().signal),
      new Error(`binding volumes: ${row.is}`),
    )
  })
}

test('a claim for one pod keeps other pods away from every node, until that pod would go', () => {
  const exclusive = claim('a', { accessModes: ['ReadWriteOncePod'] })
  const plugin = volumeRestrictions(objectsOf({ claims: [exclusive] }))
  const user = podOf({ ...using('a'), name: 'user' })
  const busy = clusterOf([{ name: 'n1' }, { name: 'n2' }], { n1: [{ ...using('a'), name: 'user' }] })
  const pod = podOf(using('a'))
  const why = 'node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode'
  assert.equal(verdicts(plugin, pod, busy), `n1 ${why}, n2 ${why}`)
  assert.equal(verdicts(plugin, pod, twoNodes), 'skip')
  const state = plugin.prepare!(pod, busy) as never
  const without = plugin.adjust!(state, pod, busy.nodes[0]!, { added: [], removed: [user] })
  assert.equal(plugin.filter!(pod, busy.nodes[0]!, without), undefined)
})

const disks: readonly {
  readonly name: string
  readonly one: object
  readonly other: object
  readonly conflict: boolean
}[] = [
  {
    name: 'of Google, written',
    one: { gcePersistentDisk: { pdName: 'd' } },
    other: { gcePersistentDisk: { pdName: 'd' } },
    conflict: true,
  },
  {
    name: 'of Google, read',
    one: { gcePersistentDisk: { pdName: 'd', readOnly: true } },
    other: { gcePersistentDisk: { pdName: 'd', readOnly: true } },
    conflict: false,
  },
  {
    name: 'of Amazon, read',
    one: { awsElasticBlockStore: { volumeID: 'd', readOnly: true } },
    other: { awsElasticBlockStore: { volumeID: 'd', readOnly: true } },
    conflict: true,
  },
  {
    name: 'of different names',
    one: { awsElasticBlockStore: { volumeID: 'd' } },
    other: { awsElasticBlockStore: { volumeID: 'e' } },
    conflict: false,
  },
  {
    name: 'over iSCSI',
    one: { iscsi: { iqn: 'i', lun: 0, targetPortal: 't' } },
    other: { iscsi: { iqn: 'i', lun: 1, targetPortal: 't', readOnly: true } },
    conflict: true,
  },
  {
    name: 'of one Ceph',
    one: { rbd: { monitors: ['a', 'b'], image: 'x' } },
    other: { rbd: { monitors: ['b'], image: 'x', pool: 'rbd' } },
    conflict: true,
  },
  {
    name: 'of two Cephs',
    one: { rbd: { monitors: ['a'], image: 'x' } },
    other: { rbd: { monitors: ['b'], image: 'x' } },
    conflict: false,
  },
]

for (const row of disks) {
  test(`two disks ${row.name}`, () => {
    const sketch = (name: string, disk: object): PodSketch => ({ name, spec: { volumes: [{ name: 'd', ...disk }] } })
    const cluster = clusterOf([{ name: 'n1' }, { name: 'n2' }], { n1: [sketch('there', row.other)] })
    const is = verdicts(volumeRestrictions(objectsOf({})), podOf(sketch('new', row.one)), cluster)
    assert.equal(is, row.conflict ? 'n1 node(s) had no available disk, n2 ok' : 'n1 ok, n2 ok')
  })
}

test('a node takes as many volumes of a driver as that says, each counted once', () => {
  const csi = (name: string): PersistentVolume => volume(name, undefined, { csi: { driver: 'd', volumeHandle: name } })
  const world: World = {
    claims: [bound('a', 'va'), bound('b', 'vb'), late('c', '1Gi')],
    volumes: [csi('va'), csi('vb')],
    classes: [storageClass('late', { provisioner: 'd' })],
    csiNodes: ['n1', 'n2'].map((name) => ({
      apiVersion: 'storage.k8s.io/v1',
      kind: 'CSINode',
      metadata: { name },
      spec: { drivers: [{ name: 'd', nodeID: name, allocatable: { count: 1 } }] },
    })),
  }
  const plugin = volumeLimits(objectsOf(world))
  const cluster = clusterOf([{ name: 'n1' }, { name: 'n2' }, { name: 'n3' }], { n1: [{ ...using('a'), name: 'user' }] })
  const full = 'node(s) exceed max volume count'
  assert.equal(verdicts(plugin, podOf(using('a')), cluster), 'n1 ok, n2 ok, n3 ok')
  assert.equal(verdicts(plugin, podOf(using('b')), cluster), `n1 ${full}, n2 ok, n3 ok`)
  assert.equal(verdicts(plugin, podOf(using('b', 'c')), cluster), `n1 ${full}, n2 ${full}, n3 ok`)
  assert.equal(verdicts(plugin, podOf(using()), cluster), 'skip')
})

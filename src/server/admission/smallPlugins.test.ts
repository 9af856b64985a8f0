import assert from 'node:assert/strict'
import { test } from 'node:test'
import { persistentVolumeClaims } from '#api/core/v1/persistentVolumeClaim.ts'
import { persistentVolumes } from '#api/core/v1/persistentVolume.ts'
import { pods } from '#api/core/v1/pod.ts'
import type { Resource } from '#api/resource.ts'
import { ingresses } from '#api/networking/v1/ingress.ts'
import type { AdmissionPlugin } from './chain.ts'
import { defaultIngressClass } from './defaultIngressClass.ts'
import { defaultStorageClass } from './defaultStorageClass.ts'
import { persistentVolumeClaimResize } from './persistentVolumeClaimResize.ts'
import { podTopologyLabels } from './podTopologyLabels.ts'
import { storageObjectInUseProtection } from './storageObjectInUseProtection.ts'
import { ask, clusterWith, type RequestSketch } from './testRequest.ts'

const zone = { 'topology.kubernetes.io/zone': 'z' }
const cluster = clusterWith({ nodes: [{ metadata: { name: 'a', labels: { ...zone, other: 'x' } } }] })
const metadata = { name: 'o', namespace: 'n' }

const rows: readonly {
  readonly name: string
  readonly plugin: AdmissionPlugin
  readonly resource: Resource<any>
  readonly ask: RequestSketch
  readonly is: object
}[] = [
  {
    name: 'a new claim is protected',
    plugin: storageObjectInUseProtection,
    resource: persistentVolumeClaims,
    ask: { object: { metadata } },
    is: { metadata: { ...metadata, finalizers: ['kubernetes.io/pvc-protection'] } },
  },
  {
    name: 'a new volume is protected, once',
    plugin: storageObjectInUseProtection,
    resource: persistentVolumes,
    ask: { object: { metadata: { name: 'v', finalizers: ['kubernetes.io/pv-protection', 'mine'] } } },
    is: { metadata: { name: 'v', finalizers: ['kubernetes.io/pv-protection', 'mine'] } },
  },
  {
    name: 'a claim may lose its protection',
    plugin: storageObjectInUseProtection,
    resource: persistentVolumeClaims,
    ask: { object: { metadata }, old: { metadata } },
    is: { metadata },
  },
  {
    name: 'a binding carries the zone of the node',
    plugin: podTopologyLabels,
    resource: pods,
    ask: { object: { metadata, target: { kind: 'Node', name: 'a' } }, subresource: 'binding' },
    is: { metadata: { ...metadata, labels: zone }, target: { kind: 'Node', name: 'a' } },
  },
  {
    name: 'a pod that has a node gets the zone at once',
    plugin: podTopologyLabels,
    resource: pods,
    ask: { object: { metadata: { ...metadata, labels: { mine: 'x' } }, spec: { nodeName: 'a' } } },
    is: { metadata: { ...metadata, labels: { mine: 'x', ...zone } }, spec: { nodeName: 'a' } },
  },
]

const classOf = (name: string, creationTimestamp: string, annotation?: string, more: object = {}): object => ({
  metadata: { name, creationTimestamp, ...(annotation && { annotations: { [annotation]: 'true' } }) },
  ...more,
})
const mark = 'storageclass.kubernetes.io/is-default-class'
const classes = clusterWith({
  storageclasses: [
    classOf('a', '2026-01-01T00:00:00Z', mark),
    classOf('b', '2026-01-02T00:00:00Z', 'storageclass.beta.kubernetes.io/is-default-class'),
    classOf('c', '2026-01-02T00:00:00Z', mark),
    classOf('d', '2026-01-03T00:00:00Z', undefined, { allowVolumeExpansion: true }),
  ],
  ingressclasses: [classOf('i', '2026-01-01T00:00:00Z', 'ingressclass.kubernetes.io/is-default-class')],
})
const claim = (spec: object, status: object = {}, annotations?: object): object => ({
  metadata: { ...metadata, ...(annotations && { annotations }) },
  spec,
  status,
})
const sized = (storage: string, storageClassName?: string, phase = 'Bound'): object =>
  claim({ resources: { requests: { storage } }, ...(storageClassName && { storageClassName }) }, { phase })

const classRows: readonly {
  readonly name: string
  readonly plugin: AdmissionPlugin
  readonly resource: Resource<any>
  readonly ask: RequestSketch
  readonly is: object | string
}[] = [
  {
    name: 'the newest default class',
    plugin: defaultStorageClass,
    resource: persistentVolumeClaims,
    ask: { object: claim({}) },
    is: claim({ storageClassName: 'b' }),
  },
  {
    name: 'the empty class is a class',
    plugin: defaultStorageClass,
    resource: persistentVolumeClaims,
    ask: { object: claim({ storageClassName: '' }) },
    is: claim({ storageClassName: '' }),
  },
  {
    name: 'a class named as of old',
    plugin: defaultStorageClass,
    resource: persistentVolumeClaims,
    ask: { object: claim({}, {}, { 'volume.beta.kubernetes.io/storage-class': 'x' }) },
    is: claim({}, {}, { 'volume.beta.kubernetes.io/storage-class': 'x' }),
  },
  {
    name: 'a claim grows',
    plugin: persistentVolumeClaimResize,
    resource: persistentVolumeClaims,
    ask: { object: sized('2Gi', 'd'), old: sized('1Gi', 'd') },
    is: sized('2Gi', 'd'),
  },
  {
    name: 'a claim of a class that cannot',
    plugin: persistentVolumeClaimResize,
    resource: persistentVolumeClaims,
    ask: { object: sized('2Gi', 'a'), old: sized('1Gi', 'a') },
    is: 'persistentvolumeclaims "o" is forbidden: only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
  },
  {
    name: 'a claim without a volume',
    plugin: persistentVolumeClaimResize,
    resource: persistentVolumeClaims,
    ask: { object: sized('2Gi', 'd', 'Pending'), old: sized('1Gi', 'd', 'Pending') },
    is: 'persistentvolumeclaims "o" is forbidden: Only bound persistent volume claims can be expanded',
  },
  {
    name: 'the default class',
    plugin: defaultIngressClass,
    resource: ingresses,
    ask: { object: { metadata, spec: { rules: [] } } },
    is: { metadata, spec: { rules: [], ingressClassName: 'i' } },
  },
  {
    name: 'a class named as of old',
    plugin: defaultIngressClass,
    resource: ingresses,
    ask: { object: { metadata: { ...metadata, annotations: { 'kubernetes.io/ingress.class': 'x' } }, spec: {} } },
    is: { metadata: { ...metadata, annotations: { 'kubernetes.io/ingress.class': 'x' } }, spec: {} },
  },
]

for (const { name, plugin, resource, ask: sketch, is } of classRows) {
  test(`${plugin.name}: ${name}`, async () => {
    const verdict = await ask(plugin, resource, sketch, classes)
    assert.deepEqual(verdict.refused ?? verdict.object, is)
  })
}

for (const { name, plugin, resource, ask: sketch, is } of rows) {
  test(`${plugin.name}: ${name}`, async () => {
    assert.deepEqual(await ask(plugin, resource, sketch, cluster), { object: is })
  })
}

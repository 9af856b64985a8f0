import assert from 'node:assert/strict'
import { test } from 'node:test'
import { persistentVolumeClaims } from '#api/core/v1/persistentVolumeClaim.ts'
import { persistentVolumes } from '#api/core/v1/persistentVolume.ts'
import { pods } from '#api/core/v1/pod.ts'
import type { Resource } from '#api/resource.ts'
import type { AdmissionPlugin } from './chain.ts'
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

for (const { name, plugin, resource, ask: sketch, is } of rows) {
  test(`${plugin.name}: ${name}`, async () => {
    assert.deepEqual(await ask(plugin, resource, sketch, cluster), { object: is })
  })
}

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PersistentVolume } from '#api/core/v1/persistentVolume.ts'
import type { PersistentVolumeClaim } from '#api/core/v1/persistentVolumeClaim.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { CSINode } from '#api/storage/v1/csiNode.ts'
import type { VolumeAttachment } from '#api/storage/v1/volumeAttachment.ts'
import { SchedulerCache } from '#scheduler/cache.ts'
import { nodeOf, podOf } from '#scheduler/testObjects.ts'
import type { VolumeObjects } from '#scheduler/volumes/volumeObjects.ts'
import { volumeLimits } from './volumeLimits.ts'

const driver = 'd'

function volume(name: string): PersistentVolume {
  const spec = { accessModes: [], capacity: {}, csi: { driver, volumeHandle: name } }
  return { apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name }, spec }
}

/** A claim that is bound to the volume of the same name, or to none yet. */
function claim(name: string, volumeName?: string): PersistentVolumeClaim {
  const spec = { resources: { requests: { storage: '1Gi' } }, ...(volumeName === undefined ? {} : { volumeName }) }
  return { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name, namespace: 'default' }, spec }
}

function csiNode(name: string, count: number): CSINode {
  const drivers = [{ name: driver, nodeID: name, allocatable: { count } }]
  return { apiVersion: 'storage.k8s.io/v1', kind: 'CSINode', metadata: { name }, spec: { drivers } }
}

function attachment(name: string, nodeName: string): VolumeAttachment {
  const spec = { attacher: driver, nodeName, source: { persistentVolumeName: name } }
  return { apiVersion: 'storage.k8s.io/v1', kind: 'VolumeAttachment', metadata: { name }, spec }
}

const using = (name: string): Pod =>
  podOf({ name, spec: { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: name } }] } })

test('a node has room for volumes again, or no longer, as soon as pods, drivers, attachments or claims say so', () => {
  const claims = new Map(['a', 'b', 'w'].map((name) => [`default/${name}`, claim(name, name)]))
  const volumes = new Map(['a', 'b', 'w'].map((name) => [name, volume(name)]))
  const csiNodes = new Map(['n1', 'n2'].map((name) => [name, csiNode(name, 2)]))
  const attachments: VolumeAttachment[] = []
  let tell = (_node: string): void => {}
  const objects: VolumeObjects = {
    claim: (key) => claims.get(key),
    volume: (name) => volumes.get(name),
    free: () => [],
    reserved: () => [],
    storageClass: () => undefined,
    csiDriver: () => undefined,
    csiNode: (name) => csiNodes.get(name),
    hasCsiNodes: true,
    capacities: () => [],
    attachments: (node) => attachments.filter(({ spec }) => spec.nodeName === node),
    followNodes: (follow) => (tell = follow),
  }
  const plugin = volumeLimits(objects)
  const cache = new SchedulerCache()
  const pod = using('w')
  /** The nodes without room for the pod, as told of all at once and of each. */
  const full = (): string => {
    const cluster = cache.snapshot()
    const state = plugin.prepare!(pod, cluster)
    assert.ok(typeof state === 'object' && 'counts' in state)
    const rejected = new Uint8Array(cluster.nodes.length)
    plugin.sieve!(pod, cluster, state, rejected)
    for (const [at, node] of cluster.nodes.entries()) {
      assert.equal(plugin.filter!(pod, node, state) !== undefined, rejected[at] === 1, node.name)
    }
    return cluster.nodes.flatMap(({ name }, at) => (rejected[at] === 1 ? [name] : [])).join(' ')
  }
  const said: string[] = []
  const step = (act: () => void): void => {
    act()
    said.push(full())
  }
  step(() => ['n1', 'n2', 'n3'].forEach((name) => cache.setNode(nodeOf({ name }))))
  step(() => cache.assume(using('a'), 'n1'))
  step(() => cache.assume(using('b'), 'n1'))
  step(() => {
    csiNodes.set('n1', csiNode('n1', 3))
    tell('n1')
  })
  step(() => {
    attachments.push(attachment('unknown', 'n1'))
    tell('n1')
  })
  // Once it is known, nobody tells of the node.
  step(() => volumes.set('unknown', volume('unknown')))
  step(() => cache.removePod(using('a')))
  step(() => cache.removeNode('n1'))
  step(() => {
    csiNodes.set('n2', csiNode('n2', 0))
    tell('n2')
  })
  step(() => cache.assume(using('b'), 'n2'))
  // Another claim of the same name, made between two attempts, is bound to a volume that is attached there anyway.
  step(() => claims.set('default/w', claim('w', 'b')))
  assert.deepEqual(said, ['', '', 'n1', '', '', 'n1', '', '', 'n2', 'n2', ''])
})

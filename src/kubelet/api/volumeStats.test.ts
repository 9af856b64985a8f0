import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '#api/core/v1/pod.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { fakeFiles } from '#lib/host/files.ts'
import { typeOf } from '../volumes/index.ts'
import type { PodVolume } from '../podVolumes.ts'
import { volumeStats } from './volumeStats.ts'

const pod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'ns', uid: 'u' },
  spec: { containers: [] },
}
const claim = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'c', namespace: 'ns' }, spec: {} }
const volume = { apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: 'pv' }, spec: {} }

function setUp() {
  const files = fakeFiles({ '/e/one': '12345', '/e/in/two': '123' })
  const of = (source: object, path: string): PodVolume => ({
    path,
    readOnly: false,
    isLive: false,
    type: typeOf({ name: 'v', ...source })!,
  })
  const volumes = new Map<string, PodVolume>([
    ['data', { ...of({ local: { path: '/x' } }, '/v'), claimed: { claim, volume } }],
    ['empty', of({ emptyDir: {} }, '/e')],
    ['node', of({ hostPath: { path: '/' } }, '/')],
  ])
  const clock = new SimulatedClock(Date.UTC(2026, 0, 1))
  const stats = volumeStats({ files, clock, pods: () => [{ pod, volumes }] })
  return { files, clock, stats, volumes }
}

const disk = { capacityBytes: 100e9, availableBytes: 50e9, inodes: 2e6, inodesFree: 1e6 }
const time = '2026-01-01T00:00:00Z'

test('a volume behind a claim is as full as its file system, an emptyDir holds its files, a path of the node has no figures', async () => {
  const { stats, volumes } = setUp()
  assert.deepEqual(await stats.of({ pod, volumes }), [
    { time, name: 'data', pvcRef: { name: 'c', namespace: 'ns' }, ...disk, usedBytes: 50e9, inodesUsed: 1e6 },
    { time, name: 'empty', ...disk, usedBytes: 8, inodesUsed: 4 },
  ])
})

test('figures are read again after a minute', async () => {
  const { stats, volumes, files, clock } = setUp()
  const used = async (): Promise<number> => (await stats.of({ pod, volumes }))[1]!.usedBytes
  await used()
  await files.write('/e/three', '1234567')
  await clock.advance('59s')
  assert.equal(await used(), 8)
  await clock.advance('1s')
  assert.equal(await used(), 15)
})

test('metrics tell of claims alone', async () => {
  const { stats } = setUp()
  const lines = (await stats.metrics()).split('\n')
  assert.deepEqual(lines.slice(0, 3), [
    '# HELP kubelet_volume_stats_available_bytes [ALPHA] Number of available bytes in the volume',
    '# TYPE kubelet_volume_stats_available_bytes gauge',
    'kubelet_volume_stats_available_bytes{namespace="ns",persistentvolumeclaim="c"} 50000000000',
  ])
  assert.deepEqual(
    lines.filter((line) => !line.startsWith('#')).map((line) => line.slice(0, line.indexOf('{'))),
    ['available_bytes', 'capacity_bytes', 'inodes', 'inodes_free', 'inodes_used', 'used_bytes'].map(
      (name) => `kubelet_volume_stats_${name}`,
    ),
  )
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '#lib/clock.ts'
import type { Eviction } from './plan/podMemory.ts'
import type { PodWorker } from './podWorker.ts'
import { watchStorageLimits } from './storageLimits.ts'

test('a pod that writes more than its limit is made to leave once, and counted by the limit', async () => {
  const clock = new SimulatedClock(0)
  const told: string[] = []
  let bytes = 10
  const resources = { limits: { 'ephemeral-storage': '20' } }
  const worker = {
    pod: { metadata: { name: 'p' }, spec: { containers: [{ name: 'c', resources }] } },
    volumes: new Map(),
    observed: { containers: [{ id: 'c1', name: 'c', state: 'running' }] },
    isEnding: false,
    evict({ message, graceSeconds }: Eviction) {
      told.push(`${clock.now() / 1000}s ${message}within ${graceSeconds}s`)
      worker.isEnding = true
    },
  }
  const stop = new AbortController()
  const running = watchStorageLimits(
    {
      clock,
      files: {
        usage: async () => ({ bytes: 0, inodes: 0 }),
        list: async () => ['0.log'],
        status: async () => ({ kind: 'file', mode: 0, uid: 0, gid: 0, device: 1, size: 8, modified: 0 }),
      },
      runtime: { written: async () => ({ bytes, inodes: 1 }) },
      logFolder: () => '/logs',
      workers: () => [worker as unknown as PodWorker],
      evicted: (signal) => told.push(signal),
      report: (problem) => told.push(problem),
    },
    stop.signal,
  )
  await clock.advance('15s')
  bytes = 13
  await clock.advance('30s')
  stop.abort()
  await running
  const message = 'Pod ephemeral local storage usage exceeds the total limit of containers 20. '
  assert.deepEqual(told, [`20s ${message}within 1s`, 'ephemeralpodfs.limit'])
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StatsSource } from '../api/statsSource.ts'
import { readSignals, signalNames } from './signals.ts'

/** A node that tells what was read of it. */
function played(read: string[]) {
  const space = async (path: string) => {
    read.push(path)
    const isImages = path === '/images'
    return {
      freeBytes: isImages ? 3 : 30,
      usedBytes: 0,
      totalBytes: isImages ? 10 : 100,
      freeInodes: 2,
      // Such a file system does not count them.
      totalInodes: isImages ? 0 : 5,
    }
  }
  return {
    options: { files: { space }, folder: '/node', machine: { memoryBytes: 1000 } },
    node: () => (read.push('memory'), { memoryWorkingSetBytes: 400 }),
    processes: async () => (read.push('processes'), { most: 50, running: 20 }),
  } as unknown as StatsSource
}
const imageFolder = async (): Promise<string> => '/images'

test('every signal that can be read', async () => {
  const read: string[] = []
  const seen = await readSignals(played(read), imageFolder, new Set(signalNames))
  assert.deepEqual(Object.fromEntries(seen), {
    'memory.available': { capacity: 1000, available: 600 },
    'nodefs.available': { capacity: 100, available: 30 },
    'nodefs.inodesFree': { capacity: 5, available: 2 },
    'imagefs.available': { capacity: 10, available: 3 },
    'pid.available': { capacity: 50, available: 30 },
  })
  assert.deepEqual(read, ['memory', '/node', '/images', 'processes'])
})

test('nothing is read for the sake of signals that nobody wants', async () => {
  const read: string[] = []
  const seen = await readSignals(played(read), imageFolder, new Set(['nodefs.inodesFree']))
  assert.deepEqual(Object.fromEntries(seen), { 'nodefs.inodesFree': { capacity: 5, available: 2 } })
  assert.deepEqual(read, ['/node'])
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { thresholdsOf, usualEviction, type EvictionSettings } from '../eviction/thresholds.ts'
import type { MachineFacts } from './machine.ts'
import { computeCapacity, computeImages, withAdvertised } from './register.ts'

describe('withAdvertised', () => {
  const own = { capacity: { cpu: '2', memory: '4Gi' }, allocatable: { cpu: '2', memory: '3Gi' } }

  it('keeps what others advertise, all of it for pods, and nothing else that is told', () => {
    const known = {
      capacity: { cpu: '64', 'example.com/dongle': '3', 'hugepages-2Mi': '1Gi' },
      allocatable: { cpu: '64' },
    }
    assert.deepEqual(withAdvertised(own, known), {
      capacity: { cpu: '2', memory: '4Gi', 'example.com/dongle': '3' },
      allocatable: { cpu: '2', memory: '3Gi', 'example.com/dongle': '3' },
    })
  })

  it('is the own status where nobody advertises anything', () => {
    assert.equal(withAdvertised(own, undefined), own)
    assert.equal(withAdvertised(own, { capacity: { 'attachable.kubernetes.io/x': '1' } }), own)
  })
})

describe('computeCapacity', () => {
  const machine = { cpus: 2, memoryBytes: 2 ** 31, diskBytes: 10_240_000 } as MachineFacts
  const allocatable = (eviction: EvictionSettings) =>
    computeCapacity(machine, { capacity: {}, thresholds: thresholdsOf(eviction) }).allocatable

  it('offers pods what is left before pods have to leave', () => {
    const { memory, 'ephemeral-storage': disk } = allocatable(usualEviction)
    assert.deepEqual([memory, disk], ['1948Mi', '9000Ki'])
  })

  it('offers all of it where no hard threshold says otherwise', () => {
    const soft = { evictionSoft: { 'memory.available': '1Gi' }, evictionSoftGracePeriod: { 'memory.available': '1m' } }
    const { memory, 'ephemeral-storage': disk } = allocatable(soft)
    assert.deepEqual([memory, disk], ['2Gi', '10000Ki'])
  })
})

describe('computeImages', () => {
  const image = (sizeBytes: number, ...names: string[]) => ({ id: names[0]!, ref: names[0]!, names, sizeBytes })

  it('tells the largest first, and those of one size in one order however the runtime lists them', () => {
    const images = [image(5, 'b:1'), image(7, 'c:1', 'c:2'), image(5, 'a:1')]
    const told = [
      { names: ['c:1', 'c:2'], sizeBytes: 7 },
      { names: ['a:1'], sizeBytes: 5 },
      { names: ['b:1'], sizeBytes: 5 },
    ]
    assert.deepEqual(computeImages(images), told)
    assert.deepEqual(computeImages(images.toReversed()), told)
  })

  it('leaves out what is too much', () => {
    const names = Array.from({ length: 9 }, (_, at) => `n:${at}`)
    const told = computeImages([image(9, ...names), ...Array.from({ length: 60 }, (_, at) => image(1, `i:${at}`))])
    assert.equal(told.length, 50)
    assert.deepEqual(told[0]!.names, names.slice(0, 5))
  })
})

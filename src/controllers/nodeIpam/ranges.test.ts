import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NodeRanges } from './ranges.ts'

test('ranges are given out one after another, and a returned one rests', () => {
  const ranges = new NodeRanges('10.244.0.0/22', 24)
  assert.equal(ranges.take(), '10.244.0.0/24')
  assert.equal(ranges.take(), '10.244.1.0/24')
  ranges.giveBack('10.244.0.0/24')
  assert.deepEqual(
    [ranges.take(), ranges.take(), ranges.take(), ranges.take()],
    ['10.244.2.0/24', '10.244.3.0/24', '10.244.0.0/24', undefined],
  )
})

test('ranges that nodes have already are not given out', () => {
  const ranges = new NodeRanges('10.244.0.0/22', 24)
  assert.equal(ranges.occupy('10.244.0.0/23'), true)
  assert.equal(ranges.occupy('192.168.0.0/24'), false)
  assert.equal(ranges.take(), '10.244.2.0/24')
})

test('IPv6', () => {
  const ranges = new NodeRanges('fd00:10:244::/56', 64)
  assert.deepEqual([ranges.take(), ranges.take(), ranges.family], ['fd00:10:244::/64', 'fd00:10:244:1::/64', 6])
})

test('what cannot be cut is refused', () => {
  assert.throws(() => new NodeRanges('10.244.0.0', 24), /Cannot cut node ranges from "10.244.0.0"/)
  assert.throws(() => new NodeRanges('10.244.0.0/24', 16), /Cannot cut ranges of \/16 from "10.244.0.0\/24"/)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Node } from '#api/core/v1/node.ts'
import { nodesToTell, ttlSeconds } from './plan.ts'

const rows: readonly { name: string; nodes: number; before: number; seconds: number }[] = [
  { name: 'a small cluster asks each time', nodes: 1, before: 0, seconds: 0 },
  { name: 'the hundredth node changes nothing', nodes: 100, before: 0, seconds: 0 },
  { name: 'one more does', nodes: 101, before: 0, seconds: 15 },
  { name: 'one less does not take it back', nodes: 100, before: 15, seconds: 15 },
  { name: 'many less do', nodes: 89, before: 15, seconds: 0 },
  { name: 'all at once', nodes: 5000, before: 0, seconds: 300 },
  { name: 'down again step by step', nodes: 1799, before: 300, seconds: 60 },
  { name: 'from what nobody would have said', nodes: 3, before: 7, seconds: 0 },
]

for (const { name, nodes, before, seconds } of rows) {
  test(`ttl: ${name}`, () => assert.equal(ttlSeconds(nodes, before), seconds))
}

test('ttl: only nodes that say something else are told', () => {
  const node = (name: string, ttl?: string): Node => ({
    apiVersion: 'v1',
    kind: 'Node',
    spec: {},
    metadata: { name, ...(ttl === undefined ? {} : { annotations: { 'node.alpha.kubernetes.io/ttl': ttl } }) },
  })
  const told = nodesToTell([node('a'), node('b', '0'), node('c', '15'), node('d', 'x')], 15)
  assert.deepEqual(
    told.map(({ metadata }) => metadata.name),
    ['a', 'b', 'd'],
  )
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { refusals } from '#resources/testReport.ts'
import { nodeStrategy } from './node.ts'

test('a node has a block of addresses of each family at the most', () => {
  const of = (podCIDRs: string[], podCIDR?: string): [unknown, string[]] => {
    const node = {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'a' },
      spec: { podCIDRs, ...(podCIDR !== undefined && { podCIDR }) },
    }
    nodeStrategy.default!(node)
    return [node.spec.podCIDRs, refusals((report) => nodeStrategy.validate!(node, undefined, report))]
  }
  const [a, b] = ['10.0.0.0/24', 'fd00::/64']
  assert.deepEqual(of([a, b]), [[a, b], []])
  assert.deepEqual(of([a, a]), [
    [a, a],
    [`spec.podCIDRs: Invalid value: ["${a}","${a}"]: may specify no more than one CIDR for each IP family`],
  ])
  assert.deepEqual(of([b, a], a), [[a], []])
})

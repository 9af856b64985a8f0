import assert from 'node:assert/strict'
import { test } from 'node:test'

import { readNode } from '#networkPolicy/facts.ts'
import type { ClusterFacts } from '#networkPolicy/facts.ts'
import { factsOf } from '#networkPolicy/testCluster.ts'

import { readEnd, readTarget } from './why.ts'

const facts: ClusterFacts = {
  pods: [
    factsOf({ key: 'shop/web', node: 'n1', addresses: ['10.244.1.2', 'fd00::2'], labels: {}, ports: {} }),
    factsOf({ key: 'node/odd', node: 'n1', addresses: ['10.244.1.3'], labels: {}, ports: {} }),
  ],
  namespaces: new Map(),
  nodes: [
    readNode({
      metadata: { name: 'n1' },
      status: { addresses: [{ address: '10.89.0.1' }, { address: 'n1' }] },
    } as never),
  ],
  policies: [],
}

test('the port of a connection is a number, perhaps with a transport', () => {
  assert.equal(readTarget(undefined), undefined)
  assert.deepEqual(readTarget('80'), { transport: 'tcp', port: 80 })
  assert.deepEqual(readTarget('80/TCP'), { transport: 'tcp', port: 80 })
  assert.deepEqual(readTarget('53/udp'), { transport: 'udp', port: 53 })
  assert.deepEqual(readTarget('9/SCTP'), { transport: 'sctp', port: 9 })
  for (const text of ['', '0', '65536', 'http', '80/ICMP', '80/', '-1', '80/TCP/x'])
    assert.throws(
      () => readTarget(text),
      { message: `--port ${JSON.stringify(text)}: a number from 1 to 65535, perhaps with /TCP, /UDP or /SCTP` },
      text,
    )
})

test('an end of a connection is a pod, a node or an address', () => {
  const rows: readonly [string, readonly string[] | RegExp][] = [
    ['shop/web', ['10.244.1.2', 'fd00::2']],
    ['node/n1', ['10.89.0.1']],
    // A namespace may be called so.
    ['node/odd', ['10.244.1.3']],
    ['192.0.2.7', ['192.0.2.7']],
    ['FD00:0::1', ['fd00::1']],
    ['web', /NAMESPACE\/POD, node\/NAME or an address/],
    ['a/b/c', /NAMESPACE\/POD, node\/NAME or an address/],
    ['10.0.0', /NAMESPACE\/POD, node\/NAME or an address/],
    ['shop/none', /there is no such pod with an address/],
    ['node/none', /there is no such node with an address/],
  ]
  for (const [text, expected] of rows) {
    const read = (): string[] => readEnd(facts, '--from', text).map((address) => address.text)
    if (expected instanceof RegExp) assert.throws(read, expected, text)
    else assert.deepEqual(read(), expected, text)
  }
})

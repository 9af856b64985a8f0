import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { fakeProcesses } from '#lib/host/process.ts'

import { addDoubts, findStaleFlows, forgetStaleFlows, noDoubts, readFlows } from './conntrack.ts'
import type { Frontend } from './frontend.ts'

const listing = `udp      17 27 src=10.244.1.3 dst=10.96.0.14 sport=4444 dport=53 src=10.244.1.2 dst=10.244.1.3 sport=5353 dport=4444 mark=0 use=1
udp      17 170 src=10.244.1.4 dst=10.96.0.14 sport=4444 dport=53 src=10.244.1.2 dst=10.244.1.4 sport=5353 dport=4444 [ASSURED] mark=0 use=1
udp      17 29 src=10.244.1.3 dst=10.96.0.14 sport=999 dport=53 src=10.244.1.9 dst=10.244.1.3 sport=5353 dport=999 mark=0 use=1
udp      17 29 src=10.244.1.3 dst=10.96.0.15 sport=999 dport=53 [UNREPLIED] src=10.96.0.15 dst=10.244.1.3 sport=53 dport=999 mark=0 use=1
udp      17 29 src=10.89.0.1 dst=10.89.0.11 sport=999 dport=30053 src=10.244.1.8 dst=10.89.0.11 sport=5353 dport=999 mark=16384 use=1
udp      17 29 src=10.244.1.3 dst=192.0.2.1 sport=999 dport=30053 src=192.0.2.1 dst=10.89.0.11 sport=30053 dport=999 mark=0 use=1
`
const frontend = (key: string, ...addresses: string[]): [string, Frontend] => [
  key,
  {
    key,
    owner: 'default/names',
    age: '',
    family: 4,
    isClusterAddress: false,
    transport: key.split('/')[1] as 'udp',
    port: 53,
    masquerade: 'others',
    // New flows go nowhere: what serves is what counts for those that have begun.
    inside: { backends: [], whenEmpty: 'drop' },
    serving: addresses.map((address) => `${address} . 5353`),
  },
]
const table = new Map([
  frontend('10.96.0.14/udp/53', '10.244.1.9'),
  frontend('10.96.0.15/udp/53', '10.244.1.9'),
  frontend('4/udp/30053', '10.244.1.9'),
])
const stale = [
  { address: '10.96.0.14', port: 53, from: '10.244.1.2', fromPort: 5353 },
  { address: '10.96.0.15', port: 53, from: '10.96.0.15', fromPort: 53 },
  { address: '10.89.0.11', port: 30053, from: '10.244.1.8', fromPort: 5353 },
]

describe('findStaleFlows', () => {
  it('finds flows to backends that have gone and past services that lead somewhere, once each', () =>
    assert.deepEqual(findStaleFlows(readFlows(listing), table, new Set()), stale))
  it('leaves flows alone that are no service’s', () =>
    assert.deepEqual(findStaleFlows(readFlows(listing), new Map(), new Set()), []))
})

describe('findStaleFlows of frontends that have gone', () => {
  it('finds what they led, and nothing that passed them', () =>
    assert.deepEqual(
      findStaleFlows(readFlows(listing), new Map(), new Set(['10.96.0.14/udp/53', '10.96.0.15/udp/53', '4/udp/30053'])),
      [
        { address: '10.96.0.14', port: 53, from: '10.244.1.2', fromPort: 5353 },
        { address: '10.96.0.14', port: 53, from: '10.244.1.9', fromPort: 5353 },
        { address: '10.89.0.11', port: 30053, from: '10.244.1.8', fromPort: 5353 },
      ],
    ))
})

describe('addDoubts', () => {
  const cases: [string, string[] | undefined, string[] | undefined, boolean][] = [
    ['a backend has gone', ['x', 'y'], ['x'], true],
    ['a backend has come', ['x'], ['x', 'y'], false],
    ['the first backend has come', [], ['x'], true],
    ['a service with backends has come', undefined, ['x'], true],
    ['a service without backends has come', undefined, [], false],
    ['a service has gone', ['x'], undefined, true],
    ['a service without backends has gone', [], undefined, false],
    ['only their order has changed', ['x', 'y'], ['y', 'x'], false],
  ]
  const doubtsOf = (transport: string, before: string[] | undefined, next: string[] | undefined) => {
    const key = `a/${transport}/1`
    const make = (names: string[] | undefined) => (names === undefined ? undefined : frontend(key, ...names)[1])
    const doubts = noDoubts()
    addDoubts(doubts, [{ key, before: make(before), next: make(next) }])
    return doubts
  }
  for (const [name, before, next, expected] of cases)
    it(name, () => assert.deepEqual([...doubtsOf('udp', before, next).families], expected ? [4] : []))
  it('another transport', () => assert.deepEqual(doubtsOf('tcp', ['x', 'y'], ['x']), noDoubts()))
  it('remembers what has gone until it is back', () => {
    const doubts = doubtsOf('udp', ['x'], undefined)
    assert.deepEqual([...doubts.gone], ['a/udp/1'])
    addDoubts(doubts, [{ key: 'a/udp/1', before: undefined, next: frontend('a/udp/1', 'x')[1] }])
    assert.deepEqual([...doubts.gone], [])
  })
})

describe('forgetStaleFlows', () => {
  it('deletes by service and backend, in the namespace of the node', async () => {
    const processes = fakeProcesses((argv) => (argv.includes('-L') ? { stdout: listing } : {}))
    assert.equal(await forgetStaleFlows(processes, 4, table, new Set(), new AbortController().signal, '/run/x.net'), 3)
    assert.deepEqual(
      processes.commands.map(({ argv }) => argv.join(' ')),
      [
        'nsenter --net=/run/x.net conntrack -L -f ipv4 -p udp',
        ...stale.map(
          ({ address, port, from, fromPort }) =>
            `nsenter --net=/run/x.net conntrack -D -f ipv4 -p udp --orig-dst ${address} --orig-port-dst ${port} --reply-src ${from} --reply-port-src ${fromPort}`,
        ),
      ],
    )
  })
  it('does not mind that a flow has ended by itself', async () => {
    const processes = fakeProcesses((argv) =>
      argv.includes('-L')
        ? { stdout: listing }
        : { code: 1, stderr: 'conntrack v1.4.7 (conntrack-tools): 0 flow entries have been deleted.\n' },
    )
    assert.equal(await forgetStaleFlows(processes, 4, table, new Set(), new AbortController().signal), 3)
  })
  it('says what went wrong', async () => {
    const processes = fakeProcesses(() => ({ code: 1, stderr: 'Operation not permitted' }))
    await assert.rejects(forgetStaleFlows(processes, 4, table, new Set(), new AbortController().signal), {
      message: 'Cannot run "conntrack -L -f ipv4 -p udp": Operation not permitted',
    })
  })
})
